/** Every fault there is, in the order of a run. */
import { acksDropped } from './acks-dropped.ts'
import { backendsTerminated } from './backends-terminated.ts'
import { brokerKill } from './broker-kill.ts'
import { brokerStopped } from './broker-stopped.ts'
import { commitAnswerCut } from './commit-answer-cut.ts'
import { confirmsDropped } from './confirms-dropped.ts'
import { connectionsClosed } from './connections-closed.ts'
import { databaseKill } from './database-kill.ts'
import { diskAlarm } from './disk-alarm.ts'
import { engineKill } from './engine-kill.ts'
import { engineStopped } from './engine-stopped.ts'
import { engineTerminated } from './engine-terminated.ts'
import type { Fault } from './fault.ts'
import { killBeforeCommit } from './kill-before-commit.ts'
import { lifecycleStorm } from './lifecycle-storm.ts'
import { messagesLocked } from './messages-locked.ts'
import { networkCut } from './network-cut.ts'
import { networkFragmented } from './network-fragmented.ts'
import { networkSilent } from './network-silent.ts'
import { networkSlow } from './network-slow.ts'
import { nodeKill } from './node-kill.ts'
import { publishAnswerCut } from './publish-answer-cut.ts'
import { queueFull } from './queue-full.ts'
import { resizeStorm } from './resize-storm.ts'
import { scheduleAnswerCut } from './schedule-answer-cut.ts'
import { tenantStorm } from './tenant-storm.ts'
import { windowLost } from './window-lost.ts'

export const faults: readonly Fault[] = [
  ...[engineKill, killBeforeCommit, engineTerminated, engineStopped, nodeKill, windowLost],
  ...[brokerKill, brokerStopped, connectionsClosed, diskAlarm, queueFull, confirmsDropped, acksDropped],
  ...[databaseKill, backendsTerminated, messagesLocked, commitAnswerCut, publishAnswerCut, scheduleAnswerCut],
  ...[networkCut, networkSilent, networkSlow, networkFragmented],
  ...[resizeStorm, lifecycleStorm, tenantStorm],
]
