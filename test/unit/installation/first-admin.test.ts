import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadConfig } from '../../../src/config/index.ts'
import { prepareAdmin } from '../../../src/first-admin.ts'
import { createLines } from '../../actors/support/samples.ts'
import { createMemoryIdentityStores } from '../../support/memory-identity.ts'

describe('the first admin', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'tenantry-admin-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  function setup() {
    const stores = createMemoryIdentityStores()
    const log = createLines()
    const start = (env: Readonly<Record<string, string>>) => prepareAdmin(loadConfig({ env, overrides: { dataDir } }), stores, log)
    return { start, warnings: log.lines }
  }

  it('has a password that is generated once and kept in a file', async () => {
    const { start, warnings } = setup()
    const admin = await start({})
    expect(readFileSync(join(dataDir, 'admin-password'), 'utf8').trim()).to.equal(admin?.password)
    expect(await start({})).to.equal(undefined)
    expect(warnings).to.deep.equal([])
  })

  it('is told of when a start has set another password, and only then', async () => {
    const { start, warnings } = setup()
    for (const ADMIN_PASSWORD of ['the first password', 'the first password']) await start({ ADMIN_PASSWORD })
    expect(warnings).to.deep.equal([])
    for (const ADMIN_PASSWORD of ['the second password', 'the second password']) await start({ ADMIN_PASSWORD })
    expect(warnings).to.have.length(1)
    expect(JSON.stringify(warnings)).to.include('ADMIN_PASSWORD has changed').and.not.include('the second password')
  })
})
