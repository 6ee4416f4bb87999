import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type ConfigOverrides, loadConfig } from '../../../src/config/index.ts'
import { readInstallationSecret } from '../../../src/installation-secret.ts'

describe('the installation’s secret', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'tenantry-secret-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const configured = 'a-configured-secret-of-more-than-32-characters'
  const read = (overrides: ConfigOverrides = {}) =>
    readInstallationSecret(loadConfig({ env: {}, overrides: { dataDir: dir, ...overrides } }))
  const file = () => join(dir, 'secret')
  const refusal = (overrides: ConfigOverrides = {}) =>
    read(overrides).then(
      () => 'accepted',
      (error: Error) => error.message,
    )

  it('is made at the first start with the embedded database, and kept for this user alone', async () => {
    const { current, previous } = await read()
    expect(current.length).to.be.at.least(43)
    expect(previous).to.equal(undefined)
    expect(readFileSync(file(), 'utf8').trim()).to.equal(current)
    expect(statSync(file()).mode & 0o777).to.equal(0o600)
    expect(await read()).to.deep.equal({ current, previous: undefined })
  })

  it('is the configured one, and one that an earlier start has left is the previous', async () => {
    const { current } = await read()
    expect(await read({ secret: configured })).to.deep.equal({ current: configured, previous: current })
    const secretPrevious = configured.toUpperCase()
    expect(await read({ secret: configured, secretPrevious })).to.deep.equal({ current: configured, previous: secretPrevious })
  })

  it('must be configured with a database of one’s own, whatever lies in the data directory', async () => {
    await read()
    const database = { url: 'postgres://user@host/db' }
    expect(await refusal({ database })).to.include('TENANTRY_SECRET')
    expect(await read({ database, secret: configured })).to.deep.equal({ current: configured, previous: undefined })
  })

  it('is closed to others again, and a file that was cut off stops the start', async () => {
    const { current } = await read()
    rmSync(file())
    writeFileSync(file(), `${current}\n`, { mode: 0o644 })
    await read()
    expect(statSync(file()).mode & 0o777).to.equal(0o600)
    writeFileSync(file(), current.slice(0, 10))
    expect(await refusal())
      .to.include(file())
      .and.not.include(current.slice(0, 10))
  })
})
