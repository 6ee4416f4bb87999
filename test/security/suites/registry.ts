/** The suites, in the order in which they run: those that change nothing first. */
import type { SuiteName } from '../finding.ts'
import { tryCredentials } from './credentials/suite.ts'
import { tamperWithCursors } from './cursors/suite.ts'
import { fuzz } from './fuzz/suite.ts'
import { tryIds } from './ids/suite.ts'
import { inject } from './injection/suite.ts'
import { walkTables } from './rows/suite.ts'
import { beSlow } from './slow/suite.ts'
import type { Suite } from './suite.ts'

export const suites: Readonly<Record<SuiteName, Suite>> = {
  rows: walkTables,
  credentials: tryCredentials,
  ids: tryIds,
  cursors: tamperWithCursors,
  injection: inject,
  fuzz,
  slow: beSlow,
}
