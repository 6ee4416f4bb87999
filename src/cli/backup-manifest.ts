/** What a backup of an embedded installation says about itself, and whether this program can restore it. */
import { z } from 'zod'
import { AppError } from '../core/errors.ts'

export const manifestName = 'tenantry-backup.json'

const manifest = z.object({
  /** Of the archive; a program refuses one that it does not know. */
  format: z.literal(1),
  /** Of the program that has made it. */
  version: z.string().regex(/^\d+\.\d+\.\d+/),
  /** The major version of PostgreSQL. */
  postgres: z.string().regex(/^\d+$/),
  /** The files of a cluster depend on the machine's architecture. */
  arch: z.string(),
  kind: z.enum(['hot', 'cold']),
  /** Everything that was accepted before is in it. */
  taken_at: z.iso.datetime(),
  with_secret: z.boolean(),
})

export type Manifest = z.output<typeof manifest>

export interface RestoringProgram {
  readonly version: string
  readonly postgres: string
  readonly arch: string
}

/** Errors: AppError `config.invalid` when it is no manifest, or of a backup that this program cannot restore. */
export function readManifest(text: string | undefined, program: RestoringProgram): Manifest {
  if (text === undefined) throw refused(`it has no ${manifestName}`)
  const parsed = manifest.safeParse(parseJson(text))
  if (!parsed.success)
    throw refused(`its ${manifestName} is not one of this program: ${parsed.error.issues[0]?.path.join('.') || 'no JSON'}`)
  const { version, postgres, arch } = parsed.data
  if (isNewer(version, program.version))
    throw refused(`it was made by version ${version}, this is ${program.version}: restore it with that one`)
  if (postgres !== program.postgres) {
    throw refused(
      `it holds the files of PostgreSQL ${postgres}, this program has ${program.postgres}: restore it with the version that made it`,
    )
  }
  if (arch !== program.arch)
    throw refused(`it was made on ${arch}, this machine is ${program.arch}: the files of a database cannot be moved between them`)
  return parsed.data
}

export const refused = (reason: string): AppError => new AppError('config.invalid', `the backup cannot be restored: ${reason}`)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Compares the three numbers; what follows them does not count. */
function isNewer(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(/[.-]/).slice(0, 3).map(Number))
  const at = [0, 1, 2].find((index) => a?.[index] !== b?.[index])
  return at !== undefined && (a?.[at] ?? 0) > (b?.[at] ?? 0)
}
