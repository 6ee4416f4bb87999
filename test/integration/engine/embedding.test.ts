import { expect } from 'chai'
import { AppError, createTenantry, defineHandler } from 'tenantry'
import type { MessageId } from '../../../src/core/ids.ts'
import { adminPassword, installationSecret } from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import { createInstallation } from '../../support/installation.ts'

describe('createTenantry', () => {
  const settings = (installation: { databaseUrl: string; rabbitmqUrl: string | undefined; dir: string }) => ({
    port: 0,
    host: '127.0.0.1',
    dataDir: installation.dir,
    database: { url: installation.databaseUrl, poolSize: 4 },
    rabbitmq: { url: installation.rabbitmqUrl },
    secret: installationSecret,
    admin: { password: adminPassword },
    log: { level: 'silent' as const },
  })

  it('runs the engine inside a program: create, publish, handle, read, close', async () => {
    await using installation = await createInstallation('rabbitmq')
    const seen: unknown[] = []
    const greet = defineHandler<{ name: string }>({
      type: 'greet',
      handle: async ({ data }) => {
        seen.push(data.name)
      },
    })
    const tenantry = await createTenantry(settings(installation), { handlers: [greet] })
    try {
      const { engine } = tenantry
      const { tenant, messageIds } = await engine.createTenant({ name: 'embedded', messages: [{ type: 'greet', data: { name: 'Ada' } }] })
      expect(tenant).to.include({ state: 'running', currentWorkers: 3 })
      const { ids } = await engine.publish(tenant.id, [{ type: 'greet', data: { name: 'Grace' } }])
      await eventually(async () => (await engine.findMessage(tenant.id, ids[0] as MessageId))?.status === 'processed')
      await eventually(async () => (await engine.listMessages({ tenantId: tenant.id, limit: 10 })).messages.length === 2)
      expect(seen).to.deep.equal(['Ada', 'Grace'])
      expect(messageIds).to.have.length(1)
      expect((await engine.readiness()).ready).to.equal(true)

      const reports = await Promise.all([tenantry.close(), tenantry.close()])
      expect(reports[0]).to.deep.equal({ complete: true, orphans: [] })
      expect(reports[1]).to.equal(reports[0])
      const refused = await engine.publish(tenant.id, [{ type: 'greet', data: 1 }]).catch((error: unknown) => error)
      expect(refused).to.be.instanceOf(AppError).with.property('code', 'node.draining')
    } finally {
      await tenantry.close()
    }
  })

  it('says which setting is wrong, and leaves nothing open', async () => {
    const error = await createTenantry({ workers: 51 }).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(AppError).with.property('code', 'config.invalid')
    expect(String(error)).to.match(/workers/)
  })
})
