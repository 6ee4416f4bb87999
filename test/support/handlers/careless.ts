/** Handlers that throw where nobody waits for it. */
import { defineHandler } from 'tenantry'

const never = () => new Promise<undefined>(() => {})

export const timer = defineHandler({
  type: 'throws in a timer',
  retry: 'none',
  handle() {
    setTimeout(() => {
      throw new RangeError('from a timer')
    }, 1)
    return never()
  },
})

export const letGo = defineHandler({
  type: 'lets a rejection go',
  retry: 'none',
  handle() {
    void Promise.reject(new TypeError('let go'))
    return never()
  },
})

export const afterwards = defineHandler({
  type: 'throws when it has answered',
  handle() {
    setTimeout(() => {
      throw new Error('too late')
    }, 50)
  },
})

export const exiting = defineHandler({
  type: 'exits',
  retry: 'none',
  async handle() {
    process.exit(3)
  },
})

export const exitingLater = defineHandler({
  type: 'exits in a timer',
  retry: 'none',
  handle() {
    setTimeout(() => process.exit(), 1)
    return never()
  },
})
