/** What every suite is given. */
import type { SuiteResult } from '../finding.ts'
import type { Profile } from '../profile.ts'
import type { Stage } from '../stage/stage.ts'

export interface SuiteOptions {
  readonly stage: Stage
  readonly profile: Profile
  readonly seed: number
  readonly say: (line: string) => void
}

export type Suite = (options: SuiteOptions) => Promise<SuiteResult>
