/** Everything by which this node's actors can be asked, watched and explained, put together. */
import type { AnyActorRef, InspectionEvent } from 'xstate'
import { errorText } from '../../core/errors.ts'
import type { FlightRecordStore } from '../../core/ports/flight-record-store.ts'
import type { Inspection } from '../../core/ports/inspection.ts'
import type { Logger } from '../../core/ports/logger.ts'
import { createInspection } from './across-nodes.ts'
import { listMachines } from './definitions.ts'
import { createExplain, type ExplainServices } from './explain.ts'
import { createIncidents } from './incidents.ts'
import { createRecorder } from './recorder.ts'
import { createLocalActors } from './tree.ts'
import { createWatches } from './watch.ts'

export interface NodeInspectionServices extends Omit<ExplainServices, 'local' | 'recorder'> {
  /** Not before the first event has been observed. */
  readonly root: () => AnyActorRef
  readonly flightRecords: FlightRecordStore
  readonly log: Logger
}

export interface NodeInspection {
  readonly inspection: Inspection
  /** For the root's `inspect`, from its first moment. Never throws. */
  observe(event: InspectionEvent): void
  /** Ends every watch and answers other nodes no more. Waits a bounded time for flight records that are being written. Never rejects. */
  close(): Promise<void>
}

const lastRecordsMs = 2_000

export function createNodeInspection(services: NodeInspectionServices): NodeInspection {
  const { peers, root, flightRecords, log } = services
  const node = peers.nodeId
  const incidents = createIncidents({ store: flightRecords, log })
  const recorder = createRecorder({
    node,
    onIncident: incidents.note,
    onTrouble: (error) => log.error('an event of an actor could not be recorded', { reason: errorText(error) }),
  })
  const local = createLocalActors({ root, recorder, node })
  const explain = createExplain({ ...services, local, recorder })
  const watches = createWatches({ recorder, peers, node })
  const inspection = createInspection({ local, recorder, explain, watches, machines: listMachines, peers })
  return {
    inspection,
    observe: recorder.observe,
    async close() {
      watches.close()
      inspection.close()
      explain.close()
      await incidents.close(lastRecordsMs)
    },
  }
}
