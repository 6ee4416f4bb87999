/** The end of the line for every request that was not answered: the one place that maps, logs and writes problems. */
import type { ErrorRequestHandler, RequestHandler } from 'express'
import { errorText } from '../../core/errors.ts'
import type { Log } from '../log.ts'
import { Refusal } from '../request/refusal.ts'
import { factsOf, requestIdOf, toLogDetails } from '../request-facts.ts'
import { toProblem } from './problem.ts'
import { send } from './send.ts'

export const refuseUnknownRoute: RequestHandler = () => {
  throw new Refusal('route.missing', 'There is no such route.')
}

/** Answers the methods a path does not have. `allow` names those it has, in upper case. */
export function refuseOtherMethods(allow: readonly string[]): RequestHandler {
  const header = { allow: allow.join(', ') }
  return (request, response) => {
    if (request.method === 'OPTIONS') return send(response, requestIdOf(request, response), { status: 204, headers: header })
    throw new Refusal('route.method_not_allowed', `This path answers ${header.allow}.`, { headers: header })
  }
}

/** A fault of ours is logged once, as an error; a dependency that is away as a warning; a client's mistake for debugging. */
export function answerErrors(log: Log): ErrorRequestHandler {
  const quietUntil = new Map<string, number>()
  // A dependency that is away refuses every request: one line a second says so, the others are for debugging.
  const levelOf = (code: string): 'warn' | 'debug' => {
    const now = performance.now()
    if (now < (quietUntil.get(code) ?? 0)) return 'debug'
    quietUntil.set(code, now + 1_000)
    return 'warn'
  }

  return (error, request, response, _next) => {
    const { requestId, action } = factsOf(request, response)
    const { problem, headers, expected } = toProblem(error, { requestId, action })
    const details = { ...toLogDetails(request, response), status: problem.status, code: problem.code }
    if (!expected) log('error', 'request failed', { ...details, error })
    else if (problem.status >= 500) log(levelOf(problem.code), 'request could not be served', { ...details, reason: errorText(error) })
    else log('debug', 'request refused', details)

    if (response.headersSent) return void response.destroy()
    send(response, requestId, {
      status: problem.status,
      headers: { ...headers, 'content-type': 'application/problem+json; charset=utf-8' },
      body: problem,
    })
  }
}
