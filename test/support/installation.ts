/** What the nodes of one test share: a database of their own, a broker, and the settings they all start with. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TenantId } from '../../src/core/ids.ts'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../src/core/ids.ts'
import { createTestDatabase } from './database.ts'
import { deleteQueues, rabbitmqUrl } from './rabbitmq.ts'

export type BrokerKind = 'rabbitmq' | 'postgres'
export const brokerKinds = ['rabbitmq', 'postgres'] as const satisfies readonly BrokerKind[]

export interface Installation extends AsyncDisposable {
  readonly broker: BrokerKind
  readonly databaseUrl: string
  /** undefined for the broker in PostgreSQL. */
  readonly rabbitmqUrl: string | undefined
  /** A folder of the test's own. */
  readonly dir: string
  query<Row extends Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
}

/** Everything goes with it: the database, the folder and the queues of every tenant that was ever there. */
export async function createInstallation(broker: BrokerKind, brokerUrl = rabbitmqUrl): Promise<Installation> {
  const database = await createTestDatabase()
  const dir = mkdtempSync(join(tmpdir(), 'tenantry-engine-'))
  // A tenant's row goes when it is deleted; what it may have left in RabbitMQ is looked for by every id there was.
  await database.query(`
    create table ids_for_cleanup (id uuid primary key);
    create function keep_id() returns trigger language plpgsql as
      $$ begin insert into ids_for_cleanup values (new.id) on conflict do nothing; return new; end $$;
    create trigger keep_id after insert on tenants for each row execute function keep_id()`)
  return {
    broker,
    databaseUrl: database.url,
    rabbitmqUrl: broker === 'rabbitmq' ? brokerUrl : undefined,
    dir,
    query: (text, values) => database.query(text, values),
    async [Symbol.asyncDispose]() {
      try {
        if (broker === 'rabbitmq') {
          const ids = await database.query<{ id: TenantId }>('select id from ids_for_cleanup')
          await deleteQueues(
            brokerUrl,
            ids.flatMap(({ id }) => [tenantQueueName(id), tenantDeadLetterQueueName(id)]),
          )
        }
      } finally {
        rmSync(dir, { recursive: true, force: true })
        await database[Symbol.asyncDispose]()
      }
    },
  }
}
