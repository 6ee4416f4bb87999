import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { createInstallation } from '../support/installation.ts'
import { describeParallel } from '../support/parallel.ts'
import { type EngineProcess, environmentOf, startNodeProcess, startProcess } from '../support/process.ts'

const secret = 's3cret-Word'

/** It has ended with code 1 and said one line that matches. */
async function expectOneLine(process: EngineProcess, pattern: RegExp): Promise<void> {
  expect((await process.exited).code).to.equal(1)
  const lines = process.output().trimEnd().split('\n')
  expect(lines, process.output()).to.have.length(1)
  expect(lines[0]).to.match(/^tenantry: /)
  expect(lines[0]).to.match(pattern)
  expect(process.output()).to.not.include(secret)
}

const wrongValues: Readonly<Record<string, readonly [env: Readonly<Record<string, string>>, line: RegExp]>> = {
  'PORT=abc': [{ PORT: 'abc' }, /port.*PORT.*"abc".*whole number.*0.*65535/i],
  'WORKERS=51': [{ WORKERS: '51' }, /workers.*WORKERS.*51.*1.*50/],
  'ROLE=boss': [{ ROLE: 'boss' }, /role.*ROLE.*"boss".*all.*api.*worker/],
  'a DATABASE_URL of another kind': [{ DATABASE_URL: `mysql://me:${secret}@host/db` }, /database\.url.*DATABASE_URL.*postgres/],
  'a RABBITMQ_URL that is none': [{ RABBITMQ_URL: `me:${secret}@host` }, /rabbitmq\.url.*RABBITMQ_URL.*amqp/],
  'a short ADMIN_PASSWORD': [{ ADMIN_PASSWORD: 'short' }, /admin\.password.*ADMIN_PASSWORD.*8/],
  'a configuration file that is not there': [{ TENANTRY_CONFIG: '/nowhere/config.yml' }, /\/nowhere\/config\.yml/],
}

describeParallel('a wrong configuration', 2, {
  ...Object.fromEntries(
    Object.entries(wrongValues).map(([what, [env, line]]) => [
      `${what} stops the start with one line that names key, value and what is accepted`,
      async () => {
        await using process = startProcess(env)
        await expectOneLine(process, line)
        if (env.ADMIN_PASSWORD !== undefined) expect(process.output()).to.not.include('"short"')
      },
    ]),
  ),

  'a handler that cannot be loaded is named, without the secrets of its error': async () => {
    await using installation = await createInstallation('postgres')
    const file = join(installation.dir, 'refused.ts')
    writeFileSync(file, `throw new Error('amqp://me:${secret}@host refused password=${secret}')\n`)
    await using process = startProcess({ ...environmentOf(installation), TENANTRY_HANDLERS: file })
    await expectOneLine(process, /refused\.ts/)
  },

  'an unknown key in the file is named, with what was meant': async () => {
    await using installation = await createInstallation('postgres')
    const file = join(installation.dir, 'config.yml')
    writeFileSync(file, 'ledger:\n  batch_sise: 10\n')
    await using process = startProcess({ ...environmentOf(installation), TENANTRY_CONFIG: file })
    await expectOneLine(process, /ledger\.batch_sise.*batch_size/)
  },

  'a port that another program has is named': async () => {
    await using installation = await createInstallation('postgres')
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = Object(other.address()) as { port: number }
    try {
      await using process = startProcess({ ...environmentOf(installation), PORT: String(port), LOG_LEVEL: 'error' })
      await expectOneLine(process, new RegExp(`${port}.*PORT`))
    } finally {
      other.close()
    }
  },

  'a database that refuses us stops the start, without its password': async () => {
    await using process = startProcess({
      DATABASE_URL: `postgres://nobody:${secret}@127.0.0.1:1/none`,
      TENANTRY_SECRET: secret.repeat(4),
      LOG_LEVEL: 'error',
    })
    await expectOneLine(process, /database|PostgreSQL|ECONNREFUSED/i)
  },

  'secrets are in no line of a node that runs at debug level': async () => {
    await using installation = await createInstallation('rabbitmq')
    const databaseUrl = new URL(installation.databaseUrl)
    if (databaseUrl.password === '') databaseUrl.password = secret
    const env = { ...environmentOf(installation), DATABASE_URL: databaseUrl.href, ADMIN_PASSWORD: secret, LOG_LEVEL: 'debug' }
    await using node = await startNodeProcess(env)
    const { id } = await node.api.createTenant()
    await node.api.publish(id, { data: { password: secret } })
    await node.api.stored(id, 1)
    await node.api.call('POST', '/v1/auth/login', { json: { username: 'admin', password: `${secret}${secret}` } })
    node.kill('SIGTERM')
    expect((await node.exited).code).to.equal(0)
    expect(node.output()).to.not.include(secret)
    expect(node.output()).to.not.include(node.api.token)
    const brokerPassword = new URL(String(installation.rabbitmqUrl)).password
    expect(node.output()).to.not.include(`:${brokerPassword}@`)
  },
})
