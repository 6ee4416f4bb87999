import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { type ConfigOverrides, loadConfig } from '../../../src/config/index.ts'
import { settingEntries } from '../../../src/config/schema.ts'
import { AppError } from '../../../src/core/errors.ts'

describe('loadConfig', () => {
  let folder: string
  let emptyFile: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tenantry-config-'))
    emptyFile = write('')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const write = (yaml: string): string => {
    const file = join(folder, 'config.yml')
    writeFileSync(file, yaml)
    return file
  }
  const load = (env: Record<string, string>, overrides?: ConfigOverrides) =>
    loadConfig({ env, file: emptyFile, ...(overrides ? { overrides } : {}) })
  const fault = (run: () => unknown): string => {
    try {
      run()
    } catch (error) {
      expect(error).to.be.instanceOf(AppError).with.property('code', 'config.invalid')
      const { message } = error as AppError
      expect(message).not.to.contain('\n')
      return message
    }
    throw new Error('nothing was thrown')
  }

  it('gives every default when nothing is set', () => {
    const config = load({})
    expect(config.rabbitmq).to.deep.equal({
      url: undefined,
      queueType: 'quorum',
      heartbeatSeconds: 10,
      channelsPerConnection: 200,
      deliveryLimit: 100_000,
    })
    expect(config.database).to.deep.equal({ url: undefined, tenantUrl: undefined, poolSize: 10, statementTimeoutMs: 30_000 })
    expect(config.ledger).to.deep.equal({ batchSize: 200, lingerMs: 2, maxInFlight: 4 })
    expect(config.publish.maxInFlightBytes).to.equal(64 * 1024 * 1024)
    expect(config.restart.backoff).to.deep.equal({ baseMs: 200, factor: 2, capMs: 30_000 })
    expect(config).to.include({ workers: 3, port: 3000, host: '0.0.0.0', role: 'all', prefetch: 300, dataDir: resolve('data') })
    expect(config.admin).to.deep.equal({ username: 'admin', password: undefined })
  })

  it('is frozen to the innermost section', () => {
    const config = load({})
    expect(config).to.be.frozen
    expect(config.restart.backoff).to.be.frozen
    expect(config.handlers).to.be.frozen
  })

  it('takes the file over the default, the environment over the file, and the program over the environment', () => {
    const file = write('port: 1001\nworkers: 11\nprefetch: 111\n')
    const config = loadConfig({ env: { PORT: '2002', WORKERS: '22' }, file, overrides: { port: 3003 } })
    expect(config).to.include({ prefetch: 111, workers: 22, port: 3003 })
  })

  it('reads the file that TENANTRY_CONFIG names', () => {
    expect(loadConfig({ env: { TENANTRY_CONFIG: write('workers: 7') } }).workers).to.equal(7)
  })

  it('finds handlers relative to the file, and relative to the working directory when the environment names them', () => {
    const file = write('handlers: [./a.ts, /b.ts]')
    expect(loadConfig({ env: {}, file }).handlers).to.deep.equal([join(folder, 'a.ts'), '/b.ts'])
    expect(loadConfig({ env: { TENANTRY_HANDLERS: 'a.ts, b.ts' }, file }).handlers).to.deep.equal([resolve('a.ts'), resolve('b.ts')])
  })

  it('has a systematic variable for every key without a short one', () => {
    const config = load({
      TENANTRY_LEDGER_BATCH_SIZE: '17',
      TENANTRY_RESTART_BACKOFF_FACTOR: '1.5',
      TENANTRY_RABBITMQ_QUEUE_TYPE: 'classic',
    })
    expect(config.ledger.batchSize).to.equal(17)
    expect(config.restart.backoff.factor).to.equal(1.5)
    expect(config.rabbitmq.queueType).to.equal('classic')
  })

  it('treats empty variables, empty keys and empty sections as absent', () => {
    const file = write('rabbitmq:\nadmin:\n  password:\nport:\n')
    expect(loadConfig({ env: { PORT: ' ', RABBITMQ_URL: '', PSQL_HOST: '' }, file })).to.deep.equal(load({}))
  })

  it('accepts RabbitMQ without a database URL', () => {
    const config = load({ RABBITMQ_URL: 'amqps://u:p@rabbit/x' })
    expect(config.rabbitmq.url).to.equal('amqps://u:p@rabbit/x')
    expect(config.database.url).to.equal(undefined)
  })

  it('keeps the spaces of a password', () => {
    expect(load({ ADMIN_PASSWORD: ' a secret ' }).admin.password).to.equal(' a secret ')
  })

  describe('config.yml of the repository', () => {
    it('changes no default', () => {
      expect(loadConfig({ env: {}, file: 'config.yml' })).to.deep.equal(load({}))
    })

    it('shows every key and its variable', () => {
      const text = readFileSync('config.yml', 'utf8')
      for (const { path, env } of settingEntries) {
        expect(text).to.match(new RegExp(`^ *(# )?${path.at(-1)}:`, 'm'))
        expect(text).to.contain(env)
      }
    })
  })

  const badFiles: readonly (readonly [yaml: string, message: string])[] = [
    ['port: 70000', 'port (config.yml:1) is 70000; it accepts a whole number from 0 to 65535'],
    ['port: "3000"', 'port (config.yml:1) is "3000"; it accepts a whole number'],
    ['port: 80.5', 'port (config.yml:1) is 80.5; it accepts'],
    ['port: .nan', 'port (config.yml:1) is NaN; it accepts'],
    ['workers: 0', 'workers (config.yml:1) is 0; it accepts a whole number from 1 to 50'],
    ['workers: 51', 'workers (config.yml:1) is 51'],
    ['workers: [3]', 'workers (config.yml:1) is [3]'],
    ['\n\nrole: master', 'role (config.yml:3) is "master"; it accepts one of all, api, worker'],
    ['handlers: ./a.ts', 'handlers (config.yml:1) is "./a.ts"; it accepts a list of paths'],
    ['handlers: [1]', 'handlers (config.yml:1) is [1]'],
    ['host: "a\\nb"', 'host (config.yml:1) is "a\\nb"; it accepts a text'],
    ['rabbitmq:\n  queue_type: stream', 'rabbitmq.queue_type (config.yml:2) is "stream"; it accepts one of quorum, classic'],
    ['rabbitmq:\n  url: http://localhost', 'rabbitmq.url (config.yml:2) is "http://localhost/"; it accepts a URL such as amqp://'],
    ['rabbitmq: amqp://localhost', 'config.yml:1: rabbitmq is a section: write its keys below it'],
    ['prefetch: 2001', 'prefetch (config.yml:1) is 2001; it accepts a whole number from 1 to 2000'],
    ['restart:\n  backoff:\n    factor: 0.5', 'restart.backoff.factor (config.yml:3) is 0.5; it accepts a number from 1 to 10'],
    ['prot: 3000', 'config.yml:1: unknown key prot; did you mean port?'],
    ['ledger:\n  batchSize: 3', 'config.yml:2: unknown key ledger.batchSize; did you mean ledger.batch_size?'],
    ['worker: 3', 'config.yml:1: unknown key worker; did you mean workers?'],
    ['drain:\n  elephants: 3', 'config.yml:2: unknown key drain.elephants; known here: deadline_ms'],
    ['__proto__: 3', 'config.yml:1: unknown key __proto__'],
    ['constructor: 3', 'config.yml:1: unknown key constructor'],
    ['port: 1\nport: 2', 'config.yml:2 is not valid YAML: Map keys must be unique'],
    ['a: [1\nb: 2', 'config.yml:2 is not valid YAML'],
    ['- port', 'must hold keys and values'],
    ['just text', 'must hold keys and values'],
  ]
  for (const [yaml, message] of badFiles) {
    it(`stops at the file ${JSON.stringify(yaml)}`, () => {
      expect(fault(() => loadConfig({ env: {}, file: write(yaml) }))).to.contain(message)
    })
  }

  const badEnvironments: readonly (readonly [env: Record<string, string>, message: string])[] = [
    [{ PORT: 'http' }, 'port (PORT in the environment) is "http"; it accepts a whole number from 0 to 65535'],
    [{ PORT: '1e3' }, 'port (PORT in the environment) is "1e3"'],
    [{ PORT: '-1' }, 'port (PORT in the environment) is -1'],
    [{ PORT: '99999999999999999999' }, 'port (PORT in the environment) is "99999999999999999999"'],
    [{ WORKERS: '3.5' }, 'workers (WORKERS in the environment) is "3.5"'],
    [{ ROLE: 'ALL' }, 'role (ROLE in the environment) is "ALL"'],
    [{ LOG_LEVEL: 'verbose' }, 'log.level (LOG_LEVEL in the environment) is "verbose"; it accepts one of debug'],
    [{ TENANTRY_LEDGER_LINGER_MS: 'x' }, 'ledger.linger_ms (TENANTRY_LEDGER_LINGER_MS in the environment) is "x"'],
    [{ TENANTRY_HANDLERS: 'a.ts,,b.ts' }, 'handlers (TENANTRY_HANDLERS in the environment)'],
    [{ DATABASE_URL: 'mysql://localhost/x' }, 'database.url (DATABASE_URL in the environment) is "mysql://localhost/x"'],
    [{ DATABASE_URL: 'localhost:5432' }, 'it accepts a URL such as postgresql://'],
    [{ RABBITMQ_URL: 'amqp://' }, 'rabbitmq.url (RABBITMQ_URL in the environment) is "amqp://"'],
    [{ PSQL_HOST: 'db', PSQL_PORT: '54x' }, 'PSQL_PORT in the environment is "54x"; it accepts a whole number from 1 to 65535'],
    [{ PSQL_HOST: 'db', PSQL_SSLMODE: 'on' }, 'PSQL_SSLMODE in the environment is "on"; it accepts one of disable'],
    [{ PSQL_HOST: 'http://db' }, 'PSQL_HOST in the environment is "http://db"; it accepts a host name'],
    [{ RABBITMQ_HOST: 'rabbit', RABBITMQ_PORT: '0' }, 'RABBITMQ_PORT in the environment is "0"'],
    [{ RABBITMQ_HOST: '/run/rabbit' }, 'RABBITMQ_HOST in the environment is "/run/rabbit"'],
    [{ TENANTRY_CONFIG: '/nowhere/config.yml' }, 'cannot read the configuration file'],
  ]
  for (const [env, message] of badEnvironments) {
    it(`stops at the environment ${JSON.stringify(env)}`, () => {
      expect(fault(() => ('TENANTRY_CONFIG' in env ? loadConfig({ env }) : load(env)))).to.contain(message)
    })
  }

  it('names the file that it cannot read', () => {
    expect(fault(() => loadConfig({ env: {}, file: '/nowhere/config.yml' }))).to.contain('/nowhere/config.yml')
    expect(fault(() => loadConfig({ env: {}, file: folder }))).to.contain('EISDIR')
  })

  it('stops at a wrong or unknown key of an embedding program', () => {
    expect(fault(() => load({}, { port: -1 }))).to.contain('port (the program’s configuration) is -1')
    expect(fault(() => load({}, { ledger: { batchsize: 1 } } as ConfigOverrides))).to.contain('did you mean ledger.batchSize?')
    expect(fault(() => load({}, { ledger: 5 } as unknown as ConfigOverrides))).to.contain('ledger is a section')
  })

  const secrets: readonly Record<string, string>[] = [
    { ADMIN_PASSWORD: 'hunter2' },
    { TENANTRY_SECRET: 'hunter2' },
    { TENANTRY_SECRET_PREVIOUS: `hunter2${'x'.repeat(500)}` },
    { DATABASE_TENANT_URL: 'http://u:hunter2@db/x' },
    { TENANTRY_AUTH_OIDC_ISSUER: 'https://u:hunter2@login' },
    { DATABASE_URL: 'http://u:hunter2@db/x' },
    { DATABASE_URL: 'postgres://u:hunter2#x@db/x' },
    { DATABASE_URL: 'postgres://u:hunter2/x@db/x' },
    { DATABASE_URL: 'postgres://u:hunter2@x y@db/x' },
    { DATABASE_URL: 'http://db/x?password=hunter2' },
    { DATABASE_URL: 'hunter2' },
    { RABBITMQ_URL: 'http://u:hunter2@rabbit:x/y' },
    { RABBITMQ_URL: 'amqp:/u:hunter2@rabbit' },
    { PSQL_HOST: 'u:hunter2@db' },
  ]
  for (const env of secrets) {
    it(`does not tell the secret of ${JSON.stringify(env)}`, () => {
      expect(fault(() => load(env))).not.to.contain('hunter2')
    })
  }
})
