/** Handlers for the security suite: an error that quotes what the message says, and one that gives up at once. */
import { defineHandler, reject } from 'tenantry'

export const failing = defineHandler({
  type: 'failing',
  retry: 'none',
  handle({ data }) {
    throw new Error(`cannot handle ${JSON.stringify(data)}`)
  },
})

export const rejecting = defineHandler({
  type: 'rejecting',
  handle: ({ data }) => reject(`refused ${JSON.stringify(data)}`),
})
