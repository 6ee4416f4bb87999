/** Asks whether a RabbitMQ broker accepts us. */
import { connect } from 'amqplib'
import { errorText } from '../../../src/core/errors.ts'
import { within } from './wait.ts'

/** undefined when a connection can be opened within the deadline; otherwise why not. */
export async function probeRabbitmq(url: string, deadlineMs: number): Promise<string | undefined> {
  try {
    // The greeting may never come from a broker that is out of file descriptors, although the port opens.
    const connection = await within(deadlineMs, 'connecting', connect(url, { timeout: deadlineMs }))
    connection.on('error', () => {})
    await within(deadlineMs, 'closing', connection.close())
    return undefined
  } catch (error) {
    return errorText(error, 200)
  }
}
