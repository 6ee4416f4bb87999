import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { connectApi } from '../support/api.ts'
import { eventually } from '../support/eventually.ts'
import { startNodeProcess, startProcess } from '../support/process.ts'

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`)

describe('a node with nothing but a folder', function () {
  this.timeout(180_000)
  const dir = mkdtempSync(join(tmpdir(), 'tenantry-embedded-'))
  const dataDir = join(dir, 'data')
  after(() => rmSync(dir, { recursive: true, force: true }))
  const serverPid = (): number => Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0])
  const readPassword = (): string => readFileSync(join(dataDir, 'admin-password'), 'utf8').trim()

  it('starts, shows a generated password once, keeps its data over kill -9, and leaves no server behind', async () => {
    let id = ''
    let server = 0
    {
      await using node = await startNodeProcess({ DATA_DIR: dataDir }, '')
      const password = readPassword()
      expect(node.output().split(password)).to.have.length(2)
      expect(password.length).to.be.at.least(20)
      expect(statSync(join(dataDir, 'admin-password')).mode & 0o777).to.equal(0o600)
      const api = await connectApi(node.url, { password })
      id = (await api.createTenant({ name: 'kept' })).id
      await api.publishMany(id, Array(100).fill({ type: 't', data: 1 }))
      await api.stored(id, 100)
      server = serverPid()

      await using second = startProcess({ DATA_DIR: dataDir })
      expect((await second.exited).code).to.equal(1)
      expect(second.output()).to.match(/^tenantry: .*in use.*\n$/i)
      expect(second.output()).to.include(dataDir)
      expect((await api.tenant(id)).state).to.equal('running')
      node.kill('SIGKILL')
      await node.exited
    }
    {
      await using node = await startNodeProcess({ DATA_DIR: dataDir }, '')
      expect(node.output()).to.not.include(readPassword())
      const api = await connectApi(node.url, { password: readPassword() })
      expect(await api.stored(id, 100)).to.have.length(100)
      await eventually(async () => (await api.tenant(id)).state === 'running')
      await api.publish(id)
      await api.stored(id, 101)
      expect(serverPid()).to.not.equal(server)
      server = serverPid()
      node.kill('SIGTERM')
      expect(await node.exited).to.deep.equal({ code: 0, signal: null })
    }
    expect(isAlive(server)).to.equal(false)
  })
})
