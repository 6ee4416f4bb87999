/** Handlers in threads that read secrets, and one that tells them wherever it can. */
import { ack, defineHandler, reject, retry } from 'tenantry'

export const readingSecrets = defineHandler<{ readonly names: readonly string[] }>({
  type: 'reads secrets',
  isolation: 'thread',
  handle: async ({ data }, { secret, publish }) => {
    await publish({ type: 'read', data: await Promise.all(data.names.map(secret)) })
  },
})

export const tellingSecrets = defineHandler<{ readonly how: string }>({
  type: 'tells secrets',
  isolation: 'thread',
  handle: async ({ data: { how } }, { secret, logger }) => {
    const text = `it is ${await secret('known')}`
    const throwUnseen = () =>
      setImmediate(() => {
        throw new Error(text)
      })
    switch (how) {
      case 'throws':
        throw new Error(text)
      case 'retries':
        return retry(text)
      case 'rejects':
        return reject(text)
      case 'logs':
        logger.error(text, { deep: [{ text }], error: new Error('failed', { cause: text }) })
        return ack
      case 'leaves behind':
        throwUnseen()
        return ack
      default:
        throwUnseen()
        return new Promise(() => {})
    }
  },
})
