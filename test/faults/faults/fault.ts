/** What every fault is. */
import type { BrokerKind } from '../../support/installation.ts'
import type { Random } from '../../support/random.ts'
import type { History } from '../history/history.ts'
import type { Load, LoadTenant } from '../load/load.ts'
import type { Intensity } from '../profile.ts'
import type { Stage } from '../stage/stage.ts'

export interface Scene {
  readonly stage: Stage
  readonly random: Random
  readonly intensity: Intensity
  readonly load: Load
  /** Those that the load publishes to. */
  readonly tenants: readonly LoadTenant[]
  readonly history: History
}

export interface Fault {
  readonly name: string
  readonly brokers: readonly BrokerKind[]
  /** True when it needs the broker's process or its command line, not only its port. */
  readonly needsBrokerProcess?: boolean
  /** Resolves when the cause is gone: whatever it broke is then the engine's to mend. */
  inject(scene: Scene): Promise<void>
}
