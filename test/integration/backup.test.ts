/** `npm run backup` and `npm run restore`: what was accepted before a backup began is there after everything was lost. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { create } from 'tar'
import { backUpEmbedded, restoreEmbedded } from '../../src/cli/backup-embedded.ts'
import { loadConfig } from '../../src/config/index.ts'
import { errorText } from '../../src/core/errors.ts'
import { type Api, adminPassword } from '../support/api.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { repositoryDir, startNodeProcess } from '../support/process.ts'

const configOf = (dataDir: string) => loadConfig({ env: {}, overrides: { dataDir } })
/** Of a slow machine. */
const patience = { timeoutMs: 60_000 }
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`)

describe('backup and restore', function () {
  this.timeout(300_000)
  const dir = mkdtempSync(join(tmpdir(), 'tenantry-backup-'))
  const dataDir = join(dir, 'data')
  const archive = join(dir, 'kept/backup.tar.gz')
  mkdirSync(join(dir, 'kept'))
  after(() => rmSync(dir, { recursive: true, force: true }))

  const env = {
    DATA_DIR: dataDir,
    ADMIN_PASSWORD: adminPassword,
    TENANTRY_HANDLERS: join(repositoryDir, 'test/support/handlers/faulty.ts'),
    TENANTRY_HTTP_RATE_LIMITS_MANAGEMENT_PER_SECOND: '0',
  }
  const runCommand = async (command: 'backup' | 'restore', args: readonly string[], extra: Readonly<Record<string, string>> = {}) => {
    const child = spawn(process.execPath, [`src/cli/${command}.ts`, ...args], {
      cwd: repositoryDir,
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', DATA_DIR: dataDir, ...extra },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, error, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    return { code: code as number, out, error }
  }

  it('keep rows, queues, schedules, failures, users and secrets, taken under load, over the loss of everything', async () => {
    const later = new Date(Date.now() + 3_600_000).toISOString()
    const accepted = { paused: [] as string[], scheduled: '', before: [] as string[] }
    let paused = ''
    let busy = ''
    {
      await using node = await startNodeProcess(env)
      const { api } = node
      busy = (await api.createTenant({ name: 'busy', workers: 2 })).id
      paused = (await api.createTenant({ name: 'waiting', status: 'paused' })).id
      await api.expect(201, 'POST', `/v1/tenants/${busy}/users`, {
        json: { username: 'ada', password: 'a-password-for-tests', role: 'owner' },
      })
      await api.expect(204, 'PUT', `/v1/tenants/${busy}/secrets/mail.key`, { json: { value: 'a-stored-credential' } })
      accepted.paused = await api.publishMany(paused, Array(500).fill({ type: 'plain', data: { text: 'waits' } }))
      accepted.scheduled = await api.publish(busy, { scheduled_at: later })
      await api.publish(busy, { type: 'poison' })
      accepted.before = await api.publishMany(busy, Array(500).fill({ type: 'plain', data: { text: 'x'.repeat(200) } }))
      await eventually(async () => (await api.failed(busy)).length === 1)

      const load = publishUntilStopped(api, busy)
      const made = await runCommand('backup', [archive, '--with-secret'])
      const during = await load.stop()
      expect(made, made.error).to.include({ code: 0, error: '' })
      expect(made.out).to.include('the database was running').and.to.include('secret is in it')
      expect(statSync(archive).mode & 0o777).to.equal(0o600)
      expect(readdirSync(join(dir, 'kept'))).to.deep.equal(['backup.tar.gz'])
      expect(during).to.be.greaterThan(0)
      expect((await runCommand('backup', [archive])).error).to.include('a backup never overwrites')
      expect((await runCommand('restore', [archive])).error).to.include('is not empty')

      const server = Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0])
      node.kill('SIGKILL')
      await node.exited
      await eventually(() => !isAlive(server), patience)
    }
    rmSync(dataDir, { recursive: true })

    const restored = await runCommand('restore', [archive])
    expect(restored, restored.error).to.include({ code: 0, error: '' })
    await using node = await startNodeProcess(env)
    const { api } = node
    expect(node.log().filter(({ level }) => level === 'error')).to.deep.equal([])
    expect((await api.stats(paused)).queue.ready).to.equal(500)
    const scheduled = await api.listAll(`/v1/tenants/${busy}/messages?status=scheduled`)
    expect(scheduled.map(({ id }) => id)).to.deep.equal([accepted.scheduled])
    const [failed] = await api.failed(busy)
    expect(failed).to.include({ type: 'poison' })
    const secrets = await api.expect<{ data: { name: string }[] }>(200, 'GET', `/v1/tenants/${busy}/secrets`)
    expect(secrets.data.map(({ name }) => name)).to.deep.equal(['mail.key'])
    await api.expect(200, 'POST', '/v1/auth/login', { json: { tenant_id: busy, username: 'ada', password: 'a-password-for-tests' } })

    // What was in a queue when the copy was made is delivered again; nothing that was accepted is missing.
    await api.expect(200, 'POST', `/v1/tenants/${paused}/resume`)
    expect((await api.stored(paused, 500)).map(({ id }) => id)).to.have.members(accepted.paused)
    await eventually(async () => (await api.stats(busy)).queue.ready === 0 && (await api.stats(busy)).in_flight === 0, patience)
    const stored = new Set((await api.stored(busy, 501)).map(({ id }) => id))
    expect(accepted.before.filter((id) => !stored.has(id))).to.deep.equal([])
    node.kill('SIGTERM')
    expect((await node.exited).code).to.equal(0)

    // The node is not running: the files are copied as they are.
    const cold = join(dir, 'cold.tar.gz')
    const elsewhere = join(dir, 'elsewhere')
    const made = await backUpEmbedded(configOf(dataDir), cold, { withSecret: false })
    expect(made.join('; ')).to.include('the database was not running').and.to.include('secret is not in it')
    expect((await restoreEmbedded(configOf(elsewhere), cold)).join('; ')).to.include('the archive has no secret')
    expect(readdirSync(elsewhere).filter((name) => !name.startsWith('tenantry.lock'))).to.have.members(['postgres', 'postgres-password'])
  })

  it('refuse an archive that is torn, strange, or of another version, and leave the directory empty', async () => {
    const stage = join(dir, 'stage')
    mkdirSync(join(stage, 'postgres'), { recursive: true })
    writeFileSync(join(stage, 'postgres-password'), 'x')
    writeFileSync(join(stage, 'evil'), 'x')
    const manifest = {
      ...{ format: 1, version: '0.0.1', postgres: '18', arch: process.arch, kind: 'cold' },
      ...{ taken_at: new Date().toISOString(), with_secret: false },
    }
    const names = ['tenantry-backup.json', 'postgres-password', 'postgres']
    const archiveOf = async (name: string, changes: object, files: readonly string[] = names, prefix = '') => {
      writeFileSync(join(stage, 'tenantry-backup.json'), JSON.stringify({ ...manifest, ...changes }))
      const file = join(dir, `${name}.tar.gz`)
      await create({ file, cwd: stage, gzip: true, ...(prefix ? { prefix } : {}), preservePaths: true }, [...files])
      return file
    }
    const torn = join(dir, 'torn.tar.gz')
    writeFileSync(torn, Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]))
    writeFileSync(join(dir, 'text'), 'some text')
    const target = join(dir, 'target')
    const cases: readonly (readonly [file: string, sentence: string])[] = [
      [join(dir, 'nothing'), 'is not a whole .tar.gz archive'],
      [torn, 'is not a whole .tar.gz archive'],
      [await archiveOf('newer', { version: '99.0.0' }), 'it was made by version 99.0.0'],
      [await archiveOf('older', { postgres: '9' }), 'it holds the files of PostgreSQL 9'],
      [await archiveOf('foreign', { arch: 'vax' }), 'it was made on vax'],
      [await archiveOf('format', { format: 2 }), 'is not one of this program: format'],
      [await archiveOf('empty', {}, ['evil']), 'it holds what no backup of Tenantry does: "evil"'],
      [await archiveOf('half', {}, ['tenantry-backup.json', 'postgres']), 'postgres-password is missing'],
      [await archiveOf('way out', {}, [...names, '../stage/evil']), 'it holds what no backup of Tenantry does'],
    ]
    for (const [file, sentence] of cases) {
      const refusal = await restoreEmbedded(configOf(target), file).then(String, (error: unknown) => errorText(error))
      expect(refusal).to.include(sentence)
    }
    expect((await runCommand('restore', [join(dir, 'text')], { DATA_DIR: target })).error).to.include('is no backup of Tenantry')
    expect(existsSync(target)).to.equal(false)
  })

  it('use pg_dump and pg_restore where the database is one’s own', async () => {
    await using source = await createTestDatabase()
    await using target = await createTestDatabase({ migrated: false })
    const dump = join(dir, 'database.dump')
    const [tenant] = await source.query<{ id: string }>(
      "insert into tenants (id, name, status, workers) values (gen_random_uuid(), 'kept', 'active', 1) returning id",
    )
    const made = await runCommand('backup', [dump], { DATABASE_URL: source.url })
    if (made.error.includes('is not installed') || made.error.includes('or newer')) {
      // A machine without them gets the sentence that says so.
      expect(made.error).to.match(/^backup: pg_dump is .*install the client programs of PostgreSQL/)
      return
    }
    expect(made, made.error).to.include({ code: 0 })
    expect((await runCommand('restore', [dump], { DATABASE_URL: source.url })).error).to.include('a restore never overwrites')
    expect((await runCommand('restore', [dump])).error).to.include('set DATABASE_URL')
    const restored = await runCommand('restore', [dump], { DATABASE_URL: target.url })
    expect(restored, restored.error).to.include({ code: 0 })
    expect(await target.query('select id, name from tenants')).to.deep.equal([{ id: tenant?.id, name: 'kept' }])
  })
})

/** Publishes one small batch after another; `stop` answers how many messages were accepted. */
function publishUntilStopped(api: Api, tenantId: string) {
  let stopped = false
  const done = (async () => {
    let accepted = 0
    while (!stopped) accepted += (await api.publishMany(tenantId, Array(50).fill({ type: 'plain', data: { text: 'during' } }))).length
    return accepted
  })()
  return {
    stop: () => {
      stopped = true
      return done
    },
  }
}
