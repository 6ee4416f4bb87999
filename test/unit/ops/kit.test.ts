/** Alert rules, dashboard and manual speak of metrics, labels and chapters that exist. */
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { parse } from 'yaml'
import { createSyntheticNode } from '../observability/synthetic-node.ts'
import { readExposedMetrics, toSeriesNames } from './exposed-metrics.ts'
import { operationsPath, withMetricsTable } from './metrics-table.ts'
import { findUnknownNames } from './unknown-names.ts'

const ops = join(import.meta.dirname, '../../../ops')
const read = (path: string): string => readFileSync(join(ops, path), 'utf8')

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}
interface Panel {
  readonly title: string
  readonly description?: string
  readonly targets?: readonly { readonly expr: string }[]
}

const rules = (parse(read('prometheus/alerts.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules)
const { panels } = JSON.parse(read('grafana/dashboards/tenantry.json')) as { panels: Panel[] }
const expressions = [
  ...rules.map(({ alert, expr }) => ({ of: alert, expr })),
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ of: title, expr }))),
]
/** What Prometheus adds to every series. */
const added = ['instance', 'job', 'le']

describe('the operations kit', () => {
  it('asks for metrics that exist, by labels that they have', async () => {
    const labelsOf = new Map<string, readonly string[]>(
      (await readExposedMetrics()).flatMap((metric) => toSeriesNames(metric).map((name) => [name, [...metric.labels, ...added]] as const)),
    )
    for (const { of, expr } of expressions) {
      expect(expr, of).to.match(/\b(?:tenantry_|nodejs_|process_|up\b|ALERTS\b)/)
      expect(findUnknownNames(expr, labelsOf), `${of}: ${expr}`).to.deep.equal([])
    }
  })

  it('is asked by labels of the very metric that is asked for', () => {
    const labelsOf = new Map([
      ['tenantry_tenants', ['state', 'instance']],
      ['tenantry_ready', ['instance']],
    ])
    for (const [expr, complaints] of [
      ['sum by (state, instance) (tenantry_tenants{state=~"a|b"}) > on (instance) group_left () tenantry_ready', []],
      ['sum by (state) (tenantry_tenants) / ignoring(state) sum(tenantry_ready)', []],
      ['tenantry_tenants > 0 and tenantry_ready{state!="x"}', ['tenantry_ready has no state']],
      ['sum by (instance) (tenantry_tenants) / max by (state) (tenantry_ready)', ['tenantry_ready has no state']],
      ['tenantry_tenants * on(state) tenantry_ready', ['tenantry_ready has no state']],
      ['tenantry_tenants - ignoring(outcome) tenantry_tenants', ['nothing has outcome']],
      ['sum(tenantry_workers)', ['tenantry_workers']],
      ['sum(tenantry_ready) by (instance)', ['by (instance) is not followed by what it is about']],
    ] as const) {
      expect(findUnknownNames(expr, labelsOf), expr).to.deep.equal(complaints)
    }
  })

  it('has for every alert a severity, a summary, a description and a chapter of the manual, and no chapter too many', () => {
    const chapters = [...readFileSync(operationsPath, 'utf8').matchAll(/^### (Tenantry\w+)$/gm)].map(([, name = '']) => name)
    expect(chapters).to.deep.equal(rules.map(({ alert }) => alert))
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning', 'info'], alert).to.include(labels.severity)
      expect(annotations.summary, alert).to.match(/^\S.*\S$/)
      expect(annotations.description, alert).to.match(/\.$/)
      expect(annotations.runbook_url).to.equal(`docs/operations.md#${alert.toLowerCase()}`)
    }
  })

  it('has a rule test in which every alert fires', () => {
    const fires = [...read('prometheus/alerts.test.yml').matchAll(/alertname="(\w+)"/g)].map(([, name]) => name)
    expect(rules.map(({ alert }) => alert).filter((alert) => !fires.includes(alert))).to.deep.equal([])
  })

  it('has a panel title and a sentence for everything that the dashboard shows', () => {
    const shown = panels.filter(({ targets }) => targets !== undefined)
    expect(shown).to.have.length.greaterThan(20)
    for (const { title, description } of shown) expect([title, description?.endsWith('.')], title).to.deep.equal([title, true])
  })

  it('lists every metric in the manual, as `node test/unit/ops/metrics-table.ts --write` does', async () => {
    const document = readFileSync(operationsPath, 'utf8')
    expect(document).to.equal(await withMetricsTable(document))
  })

  it('gives Grafana a password of its own, without which it does not start', () => {
    const compose = readFileSync(join(ops, '../docker-compose.yml'), 'utf8')
    const { grafana } = (parse(compose) as { services: { grafana: { entrypoint: string[]; environment: Record<string, string> } } })
      .services
    expect(grafana.environment.GF_SECURITY_ADMIN_PASSWORD).to.match(/^..GRAFANA_PASSWORD:-.$/)
    const [shell = '', ...args] = grafana.entrypoint.map((text) => text.replaceAll('$$', '$').replace('/run.sh', 'echo started'))
    const start = (password: string) => spawnSync(shell, args, { env: { GF_SECURITY_ADMIN_PASSWORD: password }, encoding: 'utf8' })
    expect([start('').status, start('').stderr]).to.deep.equal([1, 'set GRAFANA_PASSWORD in .env\n'])
    expect([start('a b').status, start('a b').stdout]).to.deep.equal([0, 'started\n'])
  })

  if (spawnSync('promtool', ['--version']).error === undefined) {
    it('satisfies promtool: rules, their tests, the names of the metrics', async function () {
      this.timeout(60_000)
      const promtool = (...args: string[]) => promisify(execFile)('promtool', args, { cwd: join(ops, 'prometheus') })
      await promtool('check', 'rules', 'alerts.yml')
      await promtool('test', 'rules', 'alerts.test.yml')
      const { metrics, sampler } = createSyntheticNode(5)
      const { text } = await metrics.render({ tenants: true })
      sampler.stop()
      const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
      expect([checked.status, checked.stdout, checked.stderr]).to.deep.equal([0, '', ''])
    })
  } else console.log('      promtool is not in PATH: the rules are checked for their names and labels, and their own tests are left out')
})
