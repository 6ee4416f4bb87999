import { expect } from 'chai'
import { composeDatabaseUrl, composeRabbitmqUrl } from '../../../src/config/connection-variables.ts'
import { loadConfig } from '../../../src/config/index.ts'

describe('PSQL_* and RABBITMQ_*', () => {
  it('are ignored without a host', () => {
    expect(composeDatabaseUrl({ PSQL_USER: 'u' })).to.equal(undefined)
    expect(composeRabbitmqUrl({ RABBITMQ_PORT: 'tcp://10.0.0.1:5672' })).to.equal(undefined)
  })

  it('need no more than a host', () => {
    expect(composeDatabaseUrl({ PSQL_HOST: 'db' })?.value).to.equal('postgresql://admin:admin123%40%23@db:5432/app?sslmode=disable')
    expect(composeRabbitmqUrl({ RABBITMQ_HOST: 'rabbit' })?.value).to.equal('amqp://guest:guest@rabbit:5672/%2F')
  })

  it('survive the round trip through a URL, whatever characters they hold', () => {
    const odd = 'a@#/?:% &+é'
    const env = { PSQL_HOST: '::1', PSQL_PORT: '1', PSQL_USER: odd, PSQL_PASS: odd, PSQL_DBNAME: odd, PSQL_SSLMODE: 'require' }
    const url = new URL(String(composeDatabaseUrl(env)?.value))
    expect([url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent)).to.deep.equal([odd, odd, odd])
    expect([url.hostname, url.port, url.search]).to.deep.equal(['[::1]', '1', '?sslmode=require'])
  })

  it('accept a socket folder as the database host', () => {
    expect(composeDatabaseUrl({ PSQL_HOST: '/run/pg' })?.value).to.contain('@%2Frun%2Fpg:5432/')
    expect(loadConfig({ env: { PSQL_HOST: '/run/pg' }, file: 'config.yml' }).database.url).to.contain('%2Frun%2Fpg')
  })

  it('yield to the whole URL', () => {
    const env = { DATABASE_URL: 'postgres://h/d', PSQL_HOST: 'db', RABBITMQ_URL: 'amqp://h', RABBITMQ_HOST: 'rabbit' }
    const config = loadConfig({ env, file: 'config.yml' })
    expect([config.database.url, config.rabbitmq.url]).to.deep.equal(['postgres://h/d', 'amqp://h'])
  })
})
