import { spawnSync } from 'node:child_process'
import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import { createLogger } from '../../../src/observability/logger.ts'

describe('createLogger', () => {
  const capture = (level: 'debug' | 'info' | 'silent' = 'debug') => {
    const lines: string[] = []
    return { lines, log: createLogger({ level, format: 'json' }, { write: (line) => void lines.push(line) }) }
  }

  it('writes one JSON line with level, time, message and details', () => {
    const { lines, log } = capture()
    log.info('tenant resized', { workers: 5 })
    expect(lines).to.have.length(1)
    const line = JSON.parse(lines[0] ?? '')
    expect(line).to.include({ level: 'info', msg: 'tenant resized', workers: 5 })
    expect(new Date(line.time).toISOString()).to.equal(line.time)
  })

  it('writes nothing below its level', () => {
    const { lines, log } = capture('info')
    log.debug('a detail')
    const silent = capture('silent')
    silent.log.error('an error')
    expect([...lines, ...silent.lines]).to.deep.equal([])
  })

  it('adds the bindings of every ancestor', () => {
    const { lines, log } = capture()
    log.child({ node: 'n1' }).child({ tenantId: 't1' }).warn('paused')
    expect(JSON.parse(lines[0] ?? '')).to.include({ level: 'warn', node: 'n1', tenantId: 't1' })
  })

  it('writes an error with its code, details, stack and cause', () => {
    const { lines, log } = capture()
    const error = new AppError('broker.unavailable', 'no broker', { details: { host: 'h' }, cause: new Error('ECONNREFUSED') })
    log.error('cannot connect', { error })
    const written = JSON.parse(lines[0] ?? '').error
    expect(written).to.include({ type: 'AppError', code: 'broker.unavailable', message: 'no broker' })
    expect(written.details).to.deep.equal({ host: 'h' })
    expect(written.cause.message).to.equal('ECONNREFUSED')
    expect(written.stack).to.contain('logger.test.ts')
  })

  const secrets: readonly Record<string, unknown>[] = [
    { password: 'hunter2' },
    { user: { passwordHash: 'hunter2' } },
    { list: [{ refresh_token: 'hunter2' }] },
    { headers: { authorization: 'Bearer hunter2', 'x-api-key': 'hunter2', cookie: 'a=hunter2' } },
    { clientSecret: 'hunter2' },
    { secret: { inner: 'hunter2' } },
    { url: 'amqp://guest:hunter2@localhost:5672/x' },
    { url: 'postgres://admin:hunter2@#@localhost/app' },
    { url: 'postgres://admin:a/hunter2@localhost/app' },
    { url: 'https://h/cb?access_token=hunter2&x=1' },
    { text: 'sent Authorization: Bearer hunter2hunter2' },
    { error: new Error('connect to amqp://u:hunter2@h failed', { cause: new Error('postgres://u:hunter2@h') }) },
    { error: Object.assign(new Error('x'), { config: { password: 'hunter2' } }) },
    { error: new AggregateError([new Error('amqp://u:hunter2@h')], 'all failed') },
    { map: new Map([['k', { token: 'hunter2' }]]) },
  ]
  for (const details of secrets) {
    it(`hides the secret in ${Object.keys(details).join()} ${JSON.stringify(details)}`, () => {
      const { lines, log } = capture()
      log.info('look', details)
      log.child(details).info('look')
      expect(lines).to.have.length(2)
      expect(lines.join()).not.to.contain('hunter2')
    })
  }

  it('hides credentials in the message', () => {
    const { lines, log } = capture()
    log.info('connecting to amqp://u:hunter2@h/v')
    expect(JSON.parse(lines[0] ?? '').msg).to.equal('connecting to amqp://[hidden]@h/v')
  })

  it('keeps what only looks like a secret', () => {
    const { lines, log } = capture()
    log.info('x', { tokenTtlSeconds: 60, a: 'http://localhost:3000/@scope/x', b: 'file:///node_modules/@scope/x' })
    expect(JSON.parse(lines[0] ?? '')).to.include({
      tokenTtlSeconds: 60,
      a: 'http://localhost:3000/@scope/x',
      b: 'file:///node_modules/@scope/x',
    })
  })

  it('survives cycles, throwing getters and values JSON does not know', () => {
    const { lines, log } = capture()
    const cycle: Record<string, unknown> = {
      big: 10n,
      when: new Date(Number.NaN),
      bytes: Buffer.alloc(3),
      run: () => 1,
      symbol: Symbol('s'),
    }
    cycle.self = cycle
    const hostile = {
      get trap() {
        throw new Error('boom')
      },
    }
    log.info('odd', { cycle, hostile })
    const line = JSON.parse(lines[0] ?? '')
    expect(line.cycle).to.include({ big: '10', bytes: '(3 bytes)', when: 'Invalid Date' })
    expect(line.hostile).to.equal('(unreadable)')
  })

  for (const format of ['json', 'pretty'] as const) {
    it(`loses no ${format} line when the process exits at once`, () => {
      const script = `import { createLogger } from './src/observability/logger.ts'
        const log = createLogger({ level: 'info', format: '${format}' })
        for (let i = 0; i < 500; i++) log.info('line ' + i + '.')
        process.exit(3)`
      const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
      expect(status).to.equal(3)
      expect(stdout.trim().split('\n')).to.have.length(500)
      expect(stdout).to.contain('line 499.')
      expect(stdout.startsWith('{')).to.equal(format === 'json')
    }).timeout(120_000)
  }
})
