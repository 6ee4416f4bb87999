/** R1: handlers have run and nothing can be written; the engine dies with all those outcomes. None may have been acknowledged. */
import { pause } from '../pause.ts'
import type { Fault, Scene } from './fault.ts'

const runningMs = 300

export const killBeforeCommit: Fault = {
  name: 'kill-before-commit',
  brokers: ['rabbitmq', 'postgres'],
  inject: (scene) => (scene.random.chance(0.5) ? killBehindLock(scene) : killBehindSilence(scene)),
}

/** What waits for the lock in PostgreSQL may still be committed when its client is dead. */
async function killBehindLock({ stage, random }: Scene): Promise<void> {
  await stage.database.withClient(async (client) => {
    await client.query('begin')
    await client.query('lock table messages in access exclusive mode')
    await pause(random.between(runningMs, 2 * runningMs))
    await stage.engine.end('SIGKILL')
    await client.query('rollback')
  })
  await stage.engine.start()
}

/** Nothing reaches PostgreSQL. */
async function killBehindSilence({ stage, random }: Scene): Promise<void> {
  stage.databaseProxy.freeze()
  try {
    await pause(random.between(runningMs, 2 * runningMs))
    await stage.engine.end('SIGKILL')
  } finally {
    stage.databaseProxy.cut()
    stage.databaseProxy.thaw()
  }
  await stage.engine.start()
}
