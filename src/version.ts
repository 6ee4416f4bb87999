/** The version of this program, from its package.json. */
import { readFileSync } from 'node:fs'

// By the package's own name: the compiled program lies deeper than its source.
export const version: string = JSON.parse(readFileSync(new URL(import.meta.resolve('tenantry/package.json')), 'utf8')).version
