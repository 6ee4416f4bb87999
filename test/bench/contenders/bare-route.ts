/** The least that answers POST with a confirmed publish: Express 5, express.json() and one confirm channel. A process of its own. */
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { connect } from 'amqplib'
import express from 'express'

if (process.send) await serve(process.argv[2] ?? '', process.argv[3] ?? '')

async function serve(rabbitmqUrl: string, queue: string): Promise<void> {
  process.on('disconnect', () => process.exit())
  const connection = await connect(rabbitmqUrl, { noDelay: true })
  const channel = await connection.createConfirmChannel()
  const app = express()
  app.use(express.json())
  app.post('/messages', (request, response) => {
    const { type, data } = request.body as { type: string; data: unknown }
    const id = randomUUID()
    const content = Buffer.from(JSON.stringify(data))
    channel.publish('', queue, content, { persistent: true, messageId: id, type, contentType: 'application/json' }, (error) => {
      if (error) response.status(503).end()
      else response.status(202).json({ id, status: 'queued' })
    })
  })
  const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
}
