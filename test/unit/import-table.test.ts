/** The import table of docs/architecture.md is enforced: each row of biome.json refuses what it must, and nothing else. */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'

const root = join(import.meta.dirname, '../..')

interface Row {
  readonly from: string
  readonly allowed: readonly string[]
  readonly refused: readonly string[]
}

const rows: readonly Row[] = [
  { from: 'src/core/a.ts', allowed: ['./ids.ts', './ports/broker.ts'], refused: ['../engine/index.ts', 'xstate', 'node:fs', 'zod'] },
  { from: 'src/core/ports/a.ts', allowed: ['../ids.ts', './broker.ts'], refused: ['../../database/index.ts', '../../app.ts', 'pg'] },
  {
    from: 'actors/a.ts',
    allowed: ['../src/core/ids.ts', './ports.ts', 'xstate'],
    refused: ['../src/engine/index.ts', 'amqplib', 'node:net'],
  },
  {
    from: 'actors/tenant/a.ts',
    allowed: ['../../src/core/ports/broker.ts', '../ports.ts', '../ledger/turns.ts', 'xstate', 'p-limit'],
    refused: ['../../src/broker/rabbitmq/index.ts', '../../src/app.ts', 'express', 'pg', 'kysely', 'node:http', 'uuid'],
  },
  { from: 'actors/tenant/deeper/a.ts', allowed: [], refused: ['./b.ts'] },
  {
    from: 'src/engine/a.ts',
    allowed: ['../core/errors.ts', '../../actors/index.ts', './engine.ts', 'xstate', 'uuid', 'node:crypto'],
    refused: ['../../actors/tenant/machine.ts', '../database/index.ts', '../http/index.ts', '../app.ts', 'pg', 'amqplib'],
  },
  {
    from: 'src/broker/rabbitmq/a.ts',
    allowed: ['../../core/errors.ts', './errors.ts', 'amqplib', 'p-limit', 'node:buffer'],
    refused: ['../postgres/index.ts', '../../database/index.ts', '../../config/index.ts', 'pg', 'xstate'],
  },
  {
    from: 'src/broker/postgres/a.ts',
    allowed: ['../../core/errors.ts', 'pg', 'pg-boss', 'node:timers/promises'],
    refused: ['../rabbitmq/index.ts', '../../database/client.ts', '../../../actors/index.ts', 'kysely', 'amqplib'],
  },
  {
    from: 'src/database/a.ts',
    allowed: ['../core/errors.ts', './embedded/index.ts', 'pg', 'kysely', 'kysely/migration', 'node:fs/promises'],
    refused: ['../broker/postgres/index.ts', '../config/index.ts', '../observability/logger.ts', 'pg-boss'],
  },
  {
    from: 'src/database/repositories/a.ts',
    allowed: ['../../core/ids.ts', '../client.ts', 'kysely', 'uuid'],
    refused: ['../../handlers/index.ts', '../../app.ts', 'express'],
  },
  {
    from: 'src/handlers/a.ts',
    allowed: ['../core/outcome.ts', 'node:url', 'piscina'],
    refused: ['../database/index.ts', '../engine/index.ts', 'zod'],
  },
  {
    from: 'src/auth/a.ts',
    allowed: [
      '../core/ids.ts',
      'jsonwebtoken',
      'jwks-rsa',
      'passport',
      'passport-jwt',
      '@node-rs/argon2',

      'node:crypto',
    ],
    refused: ['rate-limiter-flexible', '../database/index.ts', '../http/index.ts', 'express', 'pg'],
  },
  {
    from: 'src/secrets/a.ts',
    allowed: ['../core/ports/secret-store.ts', './sealer.ts', 'node:crypto'],
    refused: ['../database/index.ts', '../auth/index.ts', 'pg', 'jsonwebtoken'],
  },
  {
    from: 'src/observability/a.ts',
    allowed: ['../core/ports/metrics.ts', 'pino', 'prom-client'],
    refused: ['../config/index.ts', 'express'],
  },
  { from: 'src/config/a.ts', allowed: ['../core/errors.ts', 'zod', 'yaml', 'node:fs'], refused: ['../observability/logger.ts', 'pino'] },
  {
    from: 'src/http/a.ts',
    allowed: [
      '../core/errors.ts',
      '../auth/index.ts',
      './routes/index.ts',
      'express',
      'zod',
      'helmet',
      'cors',
      'rate-limiter-flexible',
      'node:http',
    ],
    refused: ['../auth/tokens.ts', '../engine/index.ts', '../../actors/index.ts', 'xstate', 'amqplib', 'kysely', 'pg', 'passport-jwt'],
  },
  {
    from: 'src/http/request/a.ts',
    allowed: ['../../core/errors.ts', '../../auth/index.ts', '../answer/send.ts', 'swagger-jsdoc'],
    refused: ['../../database/index.ts', '../../app.ts', '../../../actors/index.ts', 'pg'],
  },
  {
    from: 'src/http/routes/tenants/a.ts',
    allowed: [
      '../../../core/errors.ts',
      '../../../auth/index.ts',
      '../../request/cursor.ts',
      '../messages/publish.ts',
      'swagger-ui-express',
    ],
    refused: ['../../../engine/index.ts', '../../../../actors/index.ts', '../../../main.ts', 'xstate'],
  },
  {
    from: 'src/a.ts',
    allowed: ['./core/ids.ts', './database/index.ts', './database/embedded/index.ts', './broker/rabbitmq/index.ts', './app.ts'],
    refused: ['./database/client.ts', './engine/engine.ts', './broker/rabbitmq/errors.ts', './main.ts', './cli/migrate.ts'],
  },
  {
    from: 'src/cli/a.ts',
    allowed: ['../core/errors.ts', '../config/index.ts', '../database/embedded/index.ts'],
    refused: ['../main.ts', '../database/migrator.ts', '../../actors/index.ts'],
  },
  { from: 'src/unknown/a.ts', allowed: [], refused: ['../core/ids.ts', 'zod'] },
  { from: 'migrations/a.ts', allowed: ['kysely'], refused: ['../src/core/ids.ts', 'pg', './0001-tenants.ts'] },
  {
    from: 'examples/handlers/a.ts',
    allowed: ['tenantry', 'zod', 'node:crypto'],
    refused: ['../../src/index.ts', 'pg', '../../actors/index.ts'],
  },
]

describe('the import table', () => {
  let directory: string
  let refusedLines: ReadonlySet<string>

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tenantry-import-table-'))
    for (const name of ['biome.json', '.gitignore']) await copyFile(join(root, name), join(directory, name))
    for (const { from, allowed, refused } of rows) await writeImports(from, [...allowed, ...refused])
    await writeForms()
    refusedLines = await lint()
  })
  after(() => rm(directory, { recursive: true, force: true }))

  for (const { from, allowed, refused } of rows) {
    it(`${dirname(from)} may import ${allowed.join(', ') || 'nothing'}, and not ${refused.join(', ')}`, () => {
      const specifiers = [...allowed, ...refused]
      expect(specifiers.filter((_, index) => refusedLines.has(`${from}:${index + 1}`))).to.deep.equal(refused)
    })
  }

  it('looks at every form of an import', () => {
    expect([...refusedLines].filter((place) => place.startsWith('src/core/forms.ts'))).to.have.length(forms.length)
  })

  async function writeImports(file: string, specifiers: readonly string[]): Promise<void> {
    await write(file, specifiers.map((specifier, index) => `import * as a${index} from '${specifier}'`).join('\n'))
  }
  async function writeForms(): Promise<void> {
    await write('src/core/forms.ts', forms.join('\n'))
  }
  async function write(file: string, text: string): Promise<void> {
    const path = join(directory, file)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, `${text}\n`)
  }

  /** `path:line` of each refused import. */
  async function lint(): Promise<ReadonlySet<string>> {
    const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
    const args = [biome, 'lint', '--only=style/noRestrictedImports', '--reporter=github', '--max-diagnostics=none', '.']
    const output = await new Promise<string>((resolve) => {
      // Refused imports make biome end with an error: its output is what counts.
      execFile(process.execPath, args, { cwd: directory, maxBuffer: 10_000_000 }, (_error, stdout, stderr) => resolve(stdout + stderr))
    })
    const places = [...output.matchAll(/file=([^,]+),line=(\d+)/g)].map(
      ([, file, line]) => `${(file ?? '').replace(`${directory}/`, '')}:${line}`,
    )
    expect(places, output.slice(0, 500)).to.not.have.length(0)
    return new Set(places)
  }
})

const forms = [
  `import 'pg'`,
  `import pg from 'pg'`,
  `import type { Pool } from 'pg'`,
  `export * from 'pg'`,
  `export { Pool } from 'pg'`,
  `export type { Client } from 'pg'`,
  `export const later = import('pg')`,
]
