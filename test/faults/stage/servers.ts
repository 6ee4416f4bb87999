/** The servers that faults are done to: nobody else uses them. */
import type { BrokerKind } from '../../support/installation.ts'
import { type PrivatePostgres, startPrivatePostgres } from '../../support/services/private-postgres.ts'
import { type PrivateRabbitmq, startPrivateRabbitmq } from '../../support/services/private-rabbitmq.ts'

export interface Servers extends AsyncDisposable {
  readonly postgres: PrivatePostgres
  /** undefined for the broker in PostgreSQL, and for a RabbitMQ that was there before: only its connections can be harmed. */
  readonly rabbitmq: PrivateRabbitmq | undefined
  readonly rabbitmqUrl: string | undefined
}

/** `rabbitmqUrl` names a broker to use instead of a private one. */
export async function startServers(broker: BrokerKind, rabbitmqUrl?: string): Promise<Servers> {
  await using undo = new AsyncDisposableStack()
  const postgres = await startPrivatePostgres({
    // The checker asks when a row was committed. Servers die here, the machine does not: nothing is lost without fsync.
    settings: { track_commit_timestamp: 'on', fsync: 'off', max_connections: '200' },
  })
  undo.defer(postgres.stop)
  const isPrivate = broker === 'rabbitmq' && rabbitmqUrl === undefined
  const rabbitmq = isPrivate ? await startPrivateRabbitmq() : undefined
  if (rabbitmq) {
    undo.defer(async () => {
      // Nobody needs its data: an orderly end would only take seconds.
      await rabbitmq.kill()
      await rabbitmq.stop()
    })
  }
  const running = undo.move()
  return {
    postgres,
    rabbitmq,
    rabbitmqUrl: broker === 'rabbitmq' ? (rabbitmqUrl ?? rabbitmq?.url) : undefined,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
