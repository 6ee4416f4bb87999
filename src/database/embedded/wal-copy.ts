/** The part of the write-ahead log that a backup needs: from the file it begins in to the file it ends in. */
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const segment = /^[0-9A-F]{24}$/

/** Copies the files from `first` to `last`, both included, and returns their names in order. */
export async function copyWal(source: string, target: string, first: string, last: string): Promise<readonly string[]> {
  await mkdir(join(target, 'pg_wal/archive_status'), { recursive: true, mode: 0o700 })
  const names = (await readdir(join(source, 'pg_wal'))).filter((name) => segment.test(name) && name >= first && name <= last).sort()
  for (const name of names) await copyFile(join(source, 'pg_wal', name), join(target, 'pg_wal', name))
  return names
}

/** Errors: Error when one of the files is missing, without which the copy is worth nothing. */
export function requireContiguous(names: readonly string[], first: string, last: string): void {
  const wanted = toNumber(last) - toNumber(first) + 1
  if (names.length !== wanted) throw new Error(`${wanted - names.length} of ${wanted} files of its log are missing`)
}

/** With the standard size of 16 MB there are 256 files to each value of the middle eight digits. */
const toNumber = (name: string): number => Number.parseInt(name.slice(8, 16), 16) * 256 + Number.parseInt(name.slice(16), 16)
