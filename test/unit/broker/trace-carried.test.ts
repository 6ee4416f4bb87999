import type { ConsumeMessage } from 'amqplib'
import { expect } from 'chai'
import { readJobData, toJobData } from '../../../src/broker/postgres/job.ts'
import { readDelivery, readProperties, toPublishOptions } from '../../../src/broker/rabbitmq/properties.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import { createDelivery, tenantId } from '../../actors/support/samples.ts'

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const lastSpanId = 'b7ad6b7169203331'

const message = (trace?: string): OutboundMessage => ({ ...createDelivery(), body: '{}', trace })
const arrivalOf = (sent: OutboundMessage, headers: object = {}) => {
  const options = toPublishOptions(sent, 'ticket')
  const properties = { ...options, headers: { ...options.headers, ...headers } }
  return { properties, fields: { redelivered: false, deliveryTag: 1 }, content: Buffer.from('{}') } as unknown as ConsumeMessage
}

describe('the trace of a message', () => {
  for (const trace of [traceparent, `${traceparent},${lastSpanId}`, `${traceparent},,a=1,b=2`, `${traceparent},${lastSpanId},a=1`]) {
    it(`${trace.slice(traceparent.length) || 'alone'} goes through either broker as it is`, () => {
      const arrival = arrivalOf(message(trace))
      expect(readDelivery(tenantId, arrival)?.trace).to.equal(trace)
      expect(readProperties(arrival.properties).trace).to.equal(trace)
      expect(readJobData(JSON.parse(JSON.stringify(toJobData(message(trace)))))).to.have.nested.property('data.trace', trace)
    })
  }

  it('adds nothing to a message without one', () => {
    expect(toPublishOptions(message(), 'ticket').headers).to.have.all.keys('created_at_ms')
    expect(JSON.parse(JSON.stringify(toJobData(message())))).not.to.have.property('trace')
  })

  it('is whatever another program has put there, as far as it is one', () => {
    const read = (headers: object) => readDelivery(tenantId, arrivalOf(message(), headers))?.trace
    expect(read({ traceparent })).to.equal(traceparent)
    expect(read({ traceparent, tracestate: 'a=\u0000', last_span_id: 'short' })).to.equal(traceparent)
    for (const bad of ['nothing', 7, null, { traceparent }]) expect(read({ traceparent: bad, tracestate: 'a=1' })).to.equal(undefined)
    for (const bad of ['nothing', 7, `${traceparent}\u0000`]) {
      expect(readJobData({ ...toJobData(message()), trace: bad })).to.have.nested.property('data.trace', undefined)
    }
  })
})
