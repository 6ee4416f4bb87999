/** The only door of this folder. */
export type { ActorPorts } from './ports.ts'
export type { Reading } from './reconciler/machine.ts'
export { toTenantId } from './supervisor/machine.ts'
export type { RestartPolicy } from './tenant/restart-policy.ts'
export type { Sessions } from './tenant/sessions.ts'
export { type TenantStatusReport, toTenantStatus } from './tenant/status.ts'
export { createTenantManagerLogic } from './tenant-manager/logic.ts'
export type { Circuits } from './worker/circuits.ts'
