/** Declares a test that a request is refused. */
import { expect } from 'chai'
import type { Api, CallOptions } from './start-api.ts'

type Request = () => readonly [method: string, path: string, options?: CallOptions]

/** `path` is what the first error names. */
export const createRefuses = (api: () => Api) => (what: string, request: Request, status: number, path?: string) =>
  it(`${what} is refused with ${status}${path ? ` naming ${path}` : ''}`, async () => {
    const answer = await api().call(...request())
    expect(answer.status, answer.text).to.equal(status)
    expect(answer.headers.get('content-type')).to.match(/^application\/problem\+json/)
    expect(answer.body).to.include({ status, request_id: answer.headers.get('x-request-id') })
    expect(answer.body.errors?.[0]?.path).to.equal(path)
    expect(answer.text.length).to.be.lessThan(6000)
    expect(answer.text).to.not.match(/node_modules|\.ts:\d/)
  })
