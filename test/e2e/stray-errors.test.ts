import { join } from 'node:path'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { createInstallation } from '../support/installation.ts'
import { environmentOf, repositoryDir, startNodeProcess } from '../support/process.ts'

describe('an error that a handler throws where nobody waits for it, and an exit', function () {
  this.timeout(120_000)

  it('fails its own message, and the node goes on', async () => {
    await using installation = await createInstallation('rabbitmq')
    const file = join(repositoryDir, 'test/support/handlers/careless.ts')
    await using node = await startNodeProcess({ ...environmentOf(installation), TENANTRY_HANDLERS: file })
    const { id } = await node.api.createTenant()
    const other = await node.api.createTenant()
    const [timer, letGo, afterwards, exits, exitsLater] = await node.api.publishMany(
      id,
      ['throws in a timer', 'lets a rejection go', 'throws when it has answered', 'exits', 'exits in a timer'].map((type) => ({
        type,
        data: 1,
      })),
    )
    await node.api.publish(other.id)
    const stored = new Map((await node.api.stored(id, 5)).map((message) => [message.id, message]))
    expect(stored.get(String(timer))).to.include({ status: 'failed', error: 'the handler failed: from a timer' })
    expect(stored.get(String(letGo))).to.include({ status: 'failed', error: 'the handler failed: let go' })
    expect(stored.get(String(exits))).to.include({ status: 'failed', error: 'the handler failed: it called process.exit(3)' })
    expect(stored.get(String(exitsLater))).to.include({ status: 'failed', error: 'the handler failed: it called process.exit()' })
    expect(stored.get(String(afterwards))).to.include({ status: 'processed' })
    await eventually(() => node.output().includes('too late'))
    await node.api.stored(other.id, 1)
    node.kill('SIGTERM')
    expect(await node.exited).to.deep.equal({ code: 0, signal: null })
  })
})
