/** The embedded database, with the real server: starting, stopping, and what is left after each kind of death. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import pg from 'pg'
import { AppError } from '../../src/core/errors.ts'
import { chooseAccount } from '../../src/database/embedded/account.ts'
import { findBinaries, locateNativeTree } from '../../src/database/embedded/binaries.ts'
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  lockDataDir,
  startEmbeddedPostgres,
} from '../../src/database/embedded/index.ts'
import { findServersIn, readPostmasterPid } from '../../src/database/embedded/processes.ts'
import { run } from '../../src/database/embedded/run.ts'

const isRoot = process.getuid?.() === 0
const nobody = { uid: 65_534, gid: 65_534 }
const door = new URL('../../src/database/embedded/index.ts', import.meta.url).href

describe('the embedded PostgreSQL', function () {
  this.timeout(60_000)
  let dataDir: string
  const started: EmbeddedPostgres[] = []
  const children: ChildProcess[] = []

  beforeEach(async () => {
    // Mode 0700: as root, the server's user can reach nothing in it by name.
    dataDir = await mkdtemp(join(tmpdir(), 'tenantry test '))
  })

  afterEach(async () => {
    for (const server of started.splice(0)) await server.stop()
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await eventually(async () => (await processesBelow(dataDir)).length === 0)
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })

  const start = async (options: Partial<EmbeddedPostgresOptions> = {}) => {
    const server = await startEmbeddedPostgres({ dataDir, log: () => {}, ...options })
    started.push(server)
    return server
  }

  /** Another process that starts the server in the data directory and never stops it; `line` is its first output. */
  const startElsewhere = async (body = 'const it = await startEmbeddedPostgres({ dataDir, log() {} }); console.log(it.url)') => {
    const code = `const { startEmbeddedPostgres, lockDataDir } = await import(${JSON.stringify(door)}); const dataDir = ${JSON.stringify(dataDir)};
      try { ${body} } catch (error) { console.log(error.code + ' ' + error.message) }; setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    children.push(child)
    const line = once(child.stdout, 'data').then(([chunk]) => String(chunk).trim())
    return { child, line }
  }

  const cluster = () => join(dataDir, 'postgres')

  it('serves a durable UTF-8 database named tenantry with pg_trgm, on 127.0.0.1 only', async () => {
    const server = await start()
    expect(server.url).to.match(/^postgres:\/\/tenantry:[\w-]{32}@127\.0\.0\.1:\d+\/tenantry$/)
    await query(server.url, 'create extension pg_trgm')
    const names = ['server_encoding', 'fsync', 'synchronous_commit', 'unix_socket_directories', 'listen_addresses', 'password_encryption']
    const [row] = await query(server.url, `select ${names.map((name) => `current_setting('${name}')`).join(" || ',' || ")} as all`)
    expect(row).to.deep.equal({ all: 'UTF8,on,on,,127.0.0.1,scram-sha-256' })
    const [locale] = await query(server.url, "select upper('é') as upper, datlocale from pg_database where datname = 'tenantry'")
    expect(locale).to.deep.equal({ upper: 'É', datlocale: 'C.UTF-8' })
    const [wrong] = await query(server.url.replace(/:[\w-]{32}@/, ':wrong@'), 'select 1').catch((error) => [error.code])
    expect(wrong).to.equal('28P01')
  })

  it('keeps data and password over a restart, and leaves no process behind', async () => {
    const first = await start({ settings: { work_mem: '7MB' } })
    expect(await query(first.url, 'show work_mem')).to.deep.equal([{ work_mem: '7MB' }])
    await query(first.url, 'create table kept as select 1 as value')
    await Promise.all([first.stop(), first.stop()])
    expect(await first.exited).to.deep.equal({ reason: 'PostgreSQL was stopped' })
    expect(await processesBelow(dataDir)).to.deep.equal([])
    const second = await start()
    expect(await query(second.url, 'select value from kept')).to.deep.equal([{ value: 1 }])
    expect(new URL(second.url).password).to.equal(new URL(first.url).password)
    expect((await stat(join(dataDir, 'postgres-password'))).mode & 0o777).to.equal(0o600)
  })

  it('stops while clients are connected and a statement runs', async () => {
    const server = await start()
    const statement = query(server.url, 'select pg_sleep(600)').catch((error) => error.code)
    await eventually(async () => (await query(server.url, "select 1 from pg_stat_activity where query like '%sleep(600)'")).length > 0)
    await server.stop()
    expect(await statement).to.equal('57P01')
  })

  it('goes on answering while its owner drains after Ctrl-C', async () => {
    const { child, line } = await startElsewhere(
      "process.on('SIGINT', () => console.log('draining')); const it = await startEmbeddedPostgres({ dataDir, log() {} }); console.log(it.url)",
    )
    const url = await line
    const draining = once(child.stdout ?? child, 'data')
    // As a terminal does: to the whole group of the owner.
    process.kill(-(child.pid ?? 0), 'SIGINT')
    expect(String((await draining)[0])).to.equal('draining\n')
    expect(await query(url, 'select 1 as one')).to.deep.equal([{ one: 1 }])
  })

  it('accepts a relative directory that does not exist yet', async () => {
    const server = await start({ dataDir: relative(process.cwd(), join(dataDir, 'not yet/there')) })
    expect(await query(server.url, 'select 1 as one')).to.deep.equal([{ one: 1 }])
  })

  it('names a directory that cannot be written', async () => {
    await writeFile(join(dataDir, 'file'), '')
    const error = await failure(start({ dataDir: join(dataDir, 'file/data') }))
    expect(error.code).to.equal('embedded.failed')
    expect(error.message).to.include(join(dataDir, 'file/data'))
  })

  it('reports what the server said when a setting is refused, and frees the directory', async () => {
    const error = await failure(start({ settings: { work_mem: 'plenty' } }))
    expect(error.code).to.equal('embedded.failed')
    expect(error.message).to.include('invalid value for parameter "work_mem"')
    await start()
  })

  it('takes another port when the first was taken meanwhile', async () => {
    const rival = createServer().listen(0, '127.0.0.1')
    await once(rival, 'listening')
    const taken = (rival.address() as { port: number }).port
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const other = (free.address() as { port: number }).port
    free.close()
    const ports = [taken, other]
    rival.on('connection', (socket) => socket.destroy())
    const server = await start({ pickPort: async () => ports.shift() ?? 0 })
    expect(new URL(server.url).port).to.equal(String(other))
    rival.close()
  })

  it('refuses a directory that another process holds, naming both', async () => {
    const { child, line } = await startElsewhere()
    expect(await line).to.match(/^postgres:/)
    const error = await failure(start())
    expect(error.code).to.equal('embedded.in_use')
    expect(error.message).to.equal(`the data directory ${dataDir} is in use by process ${child.pid}`)
  })

  describe('lockDataDir', () => {
    it('holds against its own process until it is released', async () => {
      const lock = await lockDataDir(dataDir)
      expect((await failure(lockDataDir(dataDir))).code).to.equal('embedded.in_use')
      await lock.release()
      await lock.release()
      await (await lockDataDir(dataDir)).release()
    })

    it('replaces the lock of a dead process, and of a pid that belongs to another process now', async () => {
      await writeFile(join(dataDir, 'tenantry.lock.7'), JSON.stringify({ pid: 2 ** 22 + 1, start: '1' }))
      await (await lockDataDir(dataDir)).release()
      await writeFile(join(dataDir, 'tenantry.lock.9'), JSON.stringify({ pid: process.ppid, start: '1' }))
      await (await lockDataDir(dataDir)).release()
      expect(await readdir(dataDir)).to.deep.equal(['tenantry.lock.10'])
    })

    it('has one winner when several processes race for a stale lock', async () => {
      await writeFile(join(dataDir, 'tenantry.lock.3'), JSON.stringify({ pid: 2 ** 22 + 1, start: '1' }))
      const racers = await Promise.all(Array.from({ length: 8 }, () => startElsewhere("await lockDataDir(dataDir); console.log('won')")))
      const lines = await Promise.all(racers.map((racer) => racer.line))
      expect(lines.filter((line) => line === 'won')).to.have.length(1)
      expect(lines.filter((line) => line.startsWith('embedded.in_use'))).to.have.length(7)
    })

    it('has one holder at any time under contention within a process', async () => {
      let holders = 0
      let turns = 0
      const contend = async () => {
        while (turns < 200) {
          const lock = await lockDataDir(dataDir).catch(() => undefined)
          if (lock === undefined) continue
          turns += 1
          expect(++holders).to.equal(1)
          await delay(0)
          holders -= 1
          await lock.release()
        }
      }
      await Promise.all(Array.from({ length: 6 }, contend))
    })
  })

  describe('after a crash', () => {
    it('ends with the process that started it, even by SIGKILL, and loses nothing', async () => {
      const { child, line } = await startElsewhere()
      await query(await line, 'create table kept as select 1 as value')
      child.kill('SIGKILL')
      await eventually(async () => (await processesBelow(dataDir)).length === 0)
      expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).to.include('database system is shut down')
      const again = await start()
      expect(await query(again.url, 'select value from kept')).to.deep.equal([{ value: 1 }])
    })

    it('can be started at once after SIGKILL, while the old server still shuts down', async () => {
      const { child, line } = await startElsewhere()
      await query(await line, 'create table kept as select 1 as value')
      child.kill('SIGKILL')
      await once(child, 'exit')
      const again = await start()
      expect(await query(again.url, 'select value from kept')).to.deep.equal([{ value: 1 }])
    })

    it('replaces a server that was orphaned by the death of its watcher and its owner', async () => {
      const { child, line } = await startElsewhere()
      await query(await line, 'create table kept as select 1 as value')
      const orphan = await readPostmasterPid(cluster())
      child.kill('SIGSTOP')
      for (const pid of (await processesBelow(dataDir)).filter((each) => each.name === 'sh')) process.kill(pid.pid, 'SIGKILL')
      child.kill('SIGKILL')
      await once(child, 'exit')
      expect(await findServersIn(cluster())).to.include(orphan)
      const again = await start()
      expect(await query(again.url, 'select value from kept')).to.deep.equal([{ value: 1 }])
      expect(await findServersIn(cluster())).to.not.include(orphan)
    })

    it('ends the server when only its watcher is killed, and says so', async () => {
      const server = await start()
      for (const { name, pid } of await processesBelow(dataDir)) if (name === 'sh') process.kill(pid, 'SIGKILL')
      expect((await server.exited).reason).to.equal('PostgreSQL ended unexpectedly (SIGKILL)')
      expect(await findServersIn(cluster())).to.deep.equal([])
    })

    it('reports a killed server, and recovers at the next start', async () => {
      const server = await start()
      await query(server.url, 'create table kept as select 1 as value')
      process.kill((await readPostmasterPid(cluster())) ?? 0, 'SIGKILL')
      expect((await server.exited).reason).to.equal('PostgreSQL ended unexpectedly (exit code 137)')
      await server.stop()
      expect(await processesBelow(dataDir)).to.deep.equal([])
      const again = await start()
      expect(await query(again.url, 'select value from kept')).to.deep.equal([{ value: 1 }])
      expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).to.include('automatic recovery in progress')
    })

    it('ignores a postmaster.pid whose pid is another program by now', async () => {
      await (await start()).stop()
      // A living process of the very user that the server runs as.
      const owner = await stat(cluster())
      const stranger = spawn('sleep', ['600'], { uid: owner.uid, gid: owner.gid, cwd: '/' })
      children.push(stranger)
      await writeFile(join(cluster(), 'postmaster.pid'), `${stranger.pid}\n${cluster()}\n1\n5432\n\n127.0.0.1\n`)
      await start()
      expect(stranger.exitCode ?? stranger.signalCode).to.equal(null)
    })

    it('makes the database anew when its creation was interrupted', async () => {
      const { child } = await startElsewhere()
      await eventually(async () => {
        const draft = (await readdir(dataDir)).find((name) => name.startsWith('postgres.tmp-'))
        return draft !== undefined && (await readdir(join(dataDir, draft))).includes('base')
      })
      child.kill('SIGKILL')
      await once(child, 'exit')
      expect(await readdir(dataDir)).to.not.include('postgres')
      const server = await start()
      expect(await query(server.url, 'select 1 as one')).to.deep.equal([{ one: 1 }])
      expect((await readdir(dataDir)).filter((name) => name.startsWith('postgres.tmp-'))).to.deep.equal([])
    })
  })

  describe('programs', () => {
    it('makes the links between libraries when the install script was not allowed to run', async () => {
      const tree = await copyOfPackage(dataDir)
      const binaries = await findBinaries(undefined, undefined, tree)
      expect(binaries.postgres).to.equal(join(tree.root, 'bin/postgres'))
      expect((await run(binaries.initdb, ['-V'], { account: undefined, cwd: '/', timeoutMs: 10_000 })).ok).to.equal(true)
    })
  })

  if (isRoot) {
    describe('as root', () => {
      it('runs as the user who owns the cluster, and as the first existing name for a new one', async () => {
        const server = await start({ accountNames: ['no-such-user', 'nobody'] })
        expect((await stat(cluster())).uid).to.equal(nobody.uid)
        await server.stop()
        await start()
        expect((await stat(`/proc/${await readPostmasterPid(cluster())}`)).uid).to.equal(nobody.uid)
        expect((await failure(chooseAccount(join(dataDir, 'none'), ['no-such-user']))).code).to.equal('embedded.failed')
      })

      it('adopts a cluster whose files root has restored', async () => {
        await (await start()).stop()
        await run('chown', ['-R', '0:0', cluster()], { account: undefined, cwd: '/', timeoutMs: 10_000 })
        const server = await start()
        expect(await query(server.url, 'select 1 as one')).to.deep.equal([{ one: 1 }])
      })

      it('copies programs that the account cannot reach to a cache, and uses the copy again', async () => {
        const tree = await copyOfPackage(dataDir)
        const cacheDir = await reachableDir()
        try {
          const binaries = await Promise.all([findBinaries(nobody, cacheDir, tree), findBinaries(nobody, cacheDir, tree)])
          const copy = join(cacheDir, `postgres-${tree.version}`)
          expect(binaries.map((each) => each.postgres)).to.deep.equal([join(copy, 'bin/postgres'), join(copy, 'bin/postgres')])
          expect(await readdir(cacheDir)).to.deep.equal([`postgres-${tree.version}`])
          const made = (await stat(copy)).ctimeMs
          expect((await findBinaries(nobody, cacheDir, tree)).initdb).to.equal(join(copy, 'bin/initdb'))
          expect((await stat(copy)).ctimeMs).to.equal(made)
        } finally {
          await rm(cacheDir, { recursive: true })
        }
      })

      it('does not trust a cache that others can write, and removes its own copy when released', async () => {
        const tree = await copyOfPackage(dataDir)
        const cacheDir = await reachableDir()
        try {
          const planted = join(cacheDir, `postgres-${tree.version}`)
          await cp(tree.root, planted, { recursive: true })
          await chown(planted, nobody.uid, nobody.gid)
          const binaries = await findBinaries(nobody, cacheDir, tree)
          expect(binaries.postgres)
            .to.match(/tenantry-postgres-\w+\/bin\/postgres$/)
            .and.not.include(cacheDir)
          await binaries.release()
          expect(await stat(binaries.postgres).catch((error) => error.code)).to.equal('ENOENT')
        } finally {
          await rm(cacheDir, { recursive: true })
        }
      })
    })
  }
})

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(text)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).to.be.instanceOf(AppError)
  return error as AppError
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await holds().catch(() => false))) {
    if (performance.now() > deadline) throw new Error('the condition does not come true within 20 s')
    await delay(5)
  }
}

/** Every process, of whatever program, that works below the directory or was told of it; empty where there is no /proc. */
async function processesBelow(directory: string): Promise<{ pid: number; name: string }[]> {
  const pids = (await readdir('/proc').catch(() => [])).map(Number).filter((pid) => pid > 0 && pid !== process.pid)
  const all = await Promise.all(
    pids.map(async (pid) => {
      const [cwd, args, name] = await Promise.all([
        readlink(`/proc/${pid}/cwd`).catch(() => ''),
        readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
        readFile(`/proc/${pid}/comm`, 'utf8').catch(() => ''),
      ])
      // The test's own helpers name the directory in their code.
      const isOurs = cwd.startsWith(directory) || (args.includes(directory) && !args.includes('input-type'))
      return isOurs ? [{ pid, name: name.trim() }] : []
    }),
  )
  return all.flat()
}

/** The platform package as it is unpacked, before its install script has run. */
async function copyOfPackage(directory: string) {
  const tree = await locateNativeTree()
  const root = join(directory, 'package/native')
  await mkdir(root, { recursive: true })
  await cp(tree.root, root, { recursive: true, verbatimSymlinks: true })
  for (const link of tree.links) await rm(join(root, link.at))
  return { ...tree, root }
}

async function reachableDir(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tenantry-cache-'))
  await chmod(directory, 0o755)
  return directory
}
