/** Signs a download link with the tenant's own key, which lies encrypted in the engine. */
import { createHmac } from 'node:crypto'
import { defineHandler } from 'tenantry'
import { z } from 'zod'

const hourMs = 3_600_000

export const downloadRequested = defineHandler({
  type: 'download.requested',
  schema: z.object({ file: z.string().min(1), email: z.email() }),
  async handle({ id, createdAt, data: { file, email } }, { secret, publish }) {
    // PUT /v1/tenants/{id}/secrets/download-key {"value": "…"}. Without it the message fails, says so, and is tried again.
    const key = await secret('download-key')
    const expires = createdAt.getTime() + hourMs
    const signature = createHmac('sha256', key).update(`${file}\n${expires}`).digest('base64url')
    const url = `https://downloads.example/${encodeURIComponent(file)}?${new URLSearchParams({ expires: `${expires}`, signature })}`
    // The same id whenever it is handled again: one mail, not two.
    await publish({ type: 'email', data: { to: email, subject: 'Your download', text: url }, id: id.replace(/^.{8}/, 'ffffffff') })
  },
})
