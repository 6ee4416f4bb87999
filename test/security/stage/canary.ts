/** Words that exist nowhere else, planted so that they can be searched for in what others are shown. */
import { randomBytes } from 'node:crypto'

export interface Canaries {
  /** In everything that the other tenant has: its name, messages, errors, users, configuration. */
  readonly foreign: string
  /** In every password and every stored secret, of any tenant. */
  readonly secret: string
  /** In every tenant's configuration, under a telling name: shown by the configuration itself and nowhere else. */
  readonly config: string
}

export function createCanaries(): Canaries {
  const word = (bird: string): string => bird + randomBytes(8).toString('hex')
  return { foreign: word('finch'), secret: word('wren'), config: word('heron') }
}
