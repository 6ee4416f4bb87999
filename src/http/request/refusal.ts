/** A request that is refused because of what the client sent: thrown where it is found, mapped to a problem in one place. */

export interface Fault {
  /** Where, in the form `messages[3].data.name`; a header or a parameter by its name. */
  readonly path: string
  readonly message: string
}

export type RefusalCode =
  | 'request.invalid'
  | 'request.malformed'
  | 'request.unprocessable'
  | 'request.media_type'
  | 'request.rate_limited'
  | 'request.timeout'
  | 'request.headers_too_large'
  | 'route.missing'
  | 'route.method_not_allowed'
  | 'auth.required'
  | 'auth.refused'
  | 'auth.forbidden'
  | 'auth.throttled'
  | 'message.missing'
  | 'failed_message.missing'
  | 'failed_message.not_retryable'
  | 'failed_message.not_discardable'
  | 'secret.missing'
  | 'actor.missing'
  | 'machine.missing'
  | 'flight_record.missing'
  | 'node.draining'
  | 'node.silent'

export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly faults: readonly Fault[]
  readonly headers: Readonly<Record<string, string>>

  constructor(code: RefusalCode, detail: string, more: { faults?: readonly Fault[]; headers?: Readonly<Record<string, string>> } = {}) {
    super(detail)
    this.code = code
    this.faults = more.faults ?? []
    this.headers = more.headers ?? {}
  }
}

/** 400: something the client sent is not what the contract says. */
export const invalid = (...faults: readonly Fault[]): Refusal =>
  new Refusal('request.invalid', faults.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; '), { faults })

/** 422: what the client sent is well-formed, and cannot be done. */
export const unprocessable = (fault: Fault): Refusal =>
  new Refusal('request.unprocessable', `${fault.path}: ${fault.message}`, { faults: [fault] })

export const messageMissing = (): Refusal => new Refusal('message.missing', 'There is no such message.')
export const actorMissing = (): Refusal => new Refusal('actor.missing', 'There is no such actor.')
export const failedMessageMissing = (): Refusal => new Refusal('failed_message.missing', 'There is no such failed message.')
