/** A deleted tenant, and the certificate of its deletion, as the API shows them. */
import type { z } from 'zod'
import type { ErasureCertificate, TombstonePage } from '../../../core/ports/tenant-store.ts'
import type { certificateSchema, erasureSchema } from '../../schemas/erasure.ts'

export function toErasureBody({
  tenantId,
  deletedAt,
  discarded,
  certificate,
}: TombstonePage['tombstones'][number]): z.output<typeof erasureSchema> {
  return {
    tenant_id: tenantId,
    deleted_at: deletedAt.toISOString(),
    discarded,
    certificate: certificate ? toCertificateBody(certificate) : null,
  }
}

export function toCertificateBody({ tenantId, startedAt, completedAt, places }: ErasureCertificate): z.output<typeof certificateSchema> {
  return {
    tenant_id: tenantId,
    started_at: startedAt.toISOString(),
    completed_at: completedAt.toISOString(),
    places: places.map(({ name, kind, found, left }) => ({ name, kind, found, left })),
  }
}
