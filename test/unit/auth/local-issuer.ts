/** An identity provider on this machine: discovery, a key set, and tokens signed with its keys. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import jsonwebtoken from 'jsonwebtoken'

export interface IssuerKey {
  readonly kid: string
  readonly alg: 'RS256' | 'ES256' | 'PS256'
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export function newIssuerKey(kid: string, alg: IssuerKey['alg'] = 'RS256'): IssuerKey {
  const pair = alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { kid, alg, ...pair }
}

const toJwk = ({ kid, alg, publicKey }: IssuerKey): object => ({ ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' })

export async function startIssuer(...keys: readonly IssuerKey[]) {
  const state = {
    keySet: { keys: keys.map(toJwk) } as unknown,
    discovery: {} as Record<string, unknown>,
    /** Takes the place of every answer. */
    answer: undefined as RequestListener | undefined,
    requests: [] as string[],
  }
  const server = createServer((request, response) => {
    state.requests.push(request.url ?? '')
    if (state.answer) return state.answer(request, response)
    const documents: Record<string, unknown> = { '/.well-known/openid-configuration': state.discovery, '/jwks': state.keySet }
    const document = documents[request.url ?? '']
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(document ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  state.discovery = { issuer, jwks_uri: `${issuer}/jwks` }

  return {
    issuer,
    state,
    publish: (...published: readonly IssuerKey[]) => {
      state.keySet = { keys: published.map(toJwk) }
    },
    sign: (key: IssuerKey, claims: object = {}, options: jsonwebtoken.SignOptions = {}) =>
      jsonwebtoken.sign({ iss: issuer, aud: 'tenantry-api', sub: 'subject', ...claims }, key.privateKey, {
        algorithm: key.alg,
        keyid: key.kid,
        ...('exp' in claims ? {} : { expiresIn: 300 }),
        ...options,
      }),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
