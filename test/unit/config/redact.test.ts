import { expect } from 'chai'
import { loadConfig, redactConfig, redactUrl } from '../../../src/config/index.ts'

describe('redactConfig', () => {
  const config = loadConfig({
    env: {
      DATABASE_URL: 'postgres://u:hunter2@db/x?sslmode=require',
      RABBITMQ_URL: 'amqp://u:hunter2@rabbit',
      DATABASE_TENANT_URL: 'postgres://tenant:hunter2@db/x',
      ADMIN_PASSWORD: 'hunter2hunter2',
      TENANTRY_SECRET: 'hunter2'.repeat(5),
      TENANTRY_SECRET_PREVIOUS: 'previous'.repeat(5),
    },
    file: 'config.yml',
  })

  it('hides passwords and keeps the rest', () => {
    const shown = JSON.stringify(redactConfig(config))
    expect(shown).not.to.contain('hunter2').and.not.to.contain('previousp')
    expect(shown).to.contain('postgres://u:***@db/x').and.to.contain('amqp://u:***@rabbit').and.to.contain('"port":3000')
  })

  it('leaves the configuration as it is', () => {
    redactConfig(config)
    expect(config.admin.password).to.equal('hunter2hunter2')
  })
})

describe('redactUrl', () => {
  const cases: readonly (readonly [url: string, shown: string])[] = [
    ['amqp://guest:guest@localhost:5672/%2F', 'amqp://guest:***@localhost:5672/%2F'],
    ['amqp://localhost', 'amqp://localhost'],
    ['postgres://admin:admin123@#@localhost:5432/app', 'postgres://***@localhost:5432/app'],
    ['postgres://db/app?password=s3cret&sslmode=require', 'postgres://db/app?password=***&sslmode=***'],
    ['postgres://user:s3cret', 'postgres://***'],
    ['s3cret', '***'],
  ]
  for (const [url, shown] of cases) {
    it(`shows ${url} as ${shown}`, () => expect(redactUrl(url)).to.equal(shown))
  }
})
