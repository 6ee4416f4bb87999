import { expect } from 'chai'
import { createCountedHistogram } from '../../../src/observability/counted-histogram.ts'
import { createMetrics } from '../../../src/observability/metrics.ts'
import { readSeries } from './synthetic-node.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'

async function renderBoth(metrics = createMetrics()) {
  const text = await metrics.render()
  const openMetrics = await metrics.render({ openMetrics: true, tenants: true })
  return { text, openMetrics, textAgain: await metrics.render() }
}

describe('OpenMetrics', () => {
  it('has the same series as the text format, whichever is read first', async () => {
    const metrics = createMetrics()
    metrics.published('confirmed', 3)
    const { text, openMetrics, textAgain } = await renderBoth(metrics)
    const names = [text, openMetrics, textAgain].map((each) => [...readSeries(each.text).keys()].sort())
    expect(names[1]).to.deep.equal(names[0])
    expect(names[2]).to.deep.equal(names[0])
    expect(readSeries(openMetrics.text).get('tenantry_messages_published_total{outcome="confirmed"}')).to.equal(3)
  })

  it('names the families of counters without _total, has no empty line and ends with its mark', async () => {
    const { contentType, text } = (await renderBoth()).openMetrics
    expect(contentType).to.equal('application/openmetrics-text; version=1.0.0; charset=utf-8')
    expect(text).to.match(/\n# EOF\n$/)
    expect(text.slice(0, -1).split('\n')).not.to.include('')
    const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => ({ name, type }))
    expect(new Set(families.map(({ name }) => name)).size).to.equal(families.length)
    expect(families.filter(({ name }) => name.endsWith('_total'))).to.deep.equal([])
    expect(families).to.deep.include({ name: 'process_cpu_seconds', type: 'counter' })
    const counters = families.filter(({ type }) => type === 'counter').map(({ name }) => name)
    for (const name of counters.filter((each) => each !== 'tenantry_http_requests'))
      expect(text).to.match(new RegExp(`^${name}_total[ {]`, 'm'))
  })

  it('shows the last traced value of a bucket as its exemplar, which the text format leaves out', async () => {
    const metrics = createMetrics()
    metrics.handlerRan(0.003, 'an earlier one')
    metrics.handlerRan(0.004, traceId)
    metrics.handlerRan(0.0045)
    const { text, openMetrics } = await renderBoth(metrics)
    const bucket = openMetrics.text.split('\n').filter((line) => line.includes('trace_id'))
    expect(bucket).to.have.length(1)
    expect(bucket[0]).to.match(
      new RegExp(`^tenantry_handler_seconds_bucket\\{le="0.005"\\} 3 # \\{trace_id="${traceId}"\\} 0.004 \\d+(\\.\\d+)?$`),
    )
    expect(text.text).not.to.include('trace_id')
    expect((await metrics.render({ openMetrics: true })).text, 'for who sees no tenants').not.to.include('trace_id')
  })
})

describe('a counted histogram', () => {
  it('keeps an exemplar per bucket, whose value lies in it', () => {
    const histogram = createCountedHistogram([1, 2])
    for (const value of [1, 1.5, 2, 3, Number.NaN, Number.POSITIVE_INFINITY]) histogram.count(value, `trace of ${value}`)
    const { buckets, sum, total } = histogram.read()
    expect({ sum, total }).to.deep.equal({ sum: 7.5, total: 4 })
    expect(buckets.map(({ bound, total: upToHere, exemplar }) => [bound, upToHere, exemplar?.traceId])).to.deep.equal([
      [1, 1, 'trace of 1'],
      [2, 3, 'trace of 2'],
      [undefined, 4, 'trace of 3'],
    ])
  })
})
