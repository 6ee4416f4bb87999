import { expect } from 'chai'
import jsonwebtoken from 'jsonwebtoken'
import type { Granted, RefreshAnswer } from '../../../src/auth/identity.ts'
import type { Principal } from '../../../src/auth/principal.ts'
import { adminPassword, client, password, startIdentity } from './start-identity.ts'

async function withSession() {
  const started = await startIdentity()
  const user = await started.addUser('eve', 'operator')
  return { ...started, user, session: await started.logIn('eve') }
}

function granted(answer: RefreshAnswer): Granted {
  if (answer.kind !== 'granted') throw new Error(answer.kind)
  return answer
}

const apiKey = { kind: 'api_key', id: 'k', name: 'k', tenantId: 'x' as never, scopes: ['publish'] } satisfies Principal
const fromIssuer = { kind: 'admin', id: 'sub', username: 'u', sessionId: undefined } satisfies Principal

const codeOf = (work: Promise<unknown>) => work.then(String, (error) => error.code)

describe('a session', () => {
  it('begins with a login: a token for a quarter of an hour and a refresh token that is stored nowhere in clear', async () => {
    const { session, user, tenantId, stores } = await withSession()
    expect(session.principal).to.deep.include({ kind: 'tenant_user', id: user.id, username: 'eve', tenantId, role: 'operator' })
    expect(session.expiresInSeconds).to.equal(900)
    expect(session.refreshToken).to.match(/^trt_[A-Za-z0-9_-]{43}$/)
    expect(jsonwebtoken.decode(session.token)).to.include({ sub: user.id, tid: tenantId, kind: 'tenant_user', iss: 'tenantry' })
    const listed = await stores.sessions.listOf({ kind: 'tenant_user', tenantId, userId: user.id })
    expect(listed).to.have.length(1)
    expect(listed[0]).to.include({ address: client.address, userAgent: client.userAgent })
  })

  it('goes on with a refresh, as what the user is by then, and notes from where', async () => {
    const { identity, session, user, tenantId, clock, whoIs } = await withSession()
    await identity.users.change(tenantId, user.id, { role: 'viewer' })
    clock.nowMs += 86_000_000
    const next = granted(await identity.refresh(session.refreshToken, { address: '198.51.100.7', userAgent: null }))
    expect(next.principal).to.deep.equal({ ...session.principal, role: 'viewer' })
    expect(next.refreshToken).to.not.equal(session.refreshToken)
    expect(await whoIs(next.token)).to.deep.equal(next.principal)
    const [listed] = await identity.sessions(next.principal)
    expect(listed).to.include({ address: '198.51.100.7', userAgent: null })
    expect(listed?.expiresAt.getTime()).to.equal(clock.nowMs + 86_400_000)
  })

  it('ends when a refresh token comes back that was spent, and with it what it had led to', async () => {
    const { identity, session, whoIs } = await withSession()
    const next = granted(await identity.refresh(session.refreshToken, client))
    await whoIs(next.token)
    expect(await identity.refresh(session.refreshToken, client)).to.deep.equal({ kind: 'reused', principal: session.principal })
    expect(await whoIs(next.token)).to.equal(undefined)
    expect(await identity.refresh(next.refreshToken, client)).to.deep.equal({ kind: 'refused' })
  })

  it('is forgotten at once when the user has begun a hundred others since', async () => {
    const { session, whoIs, logIn } = await withSession()
    expect(await whoIs(session.token)).not.to.equal(undefined)
    for (let count = 1; count < 100; count++) await logIn('eve')
    expect(await whoIs(session.token)).not.to.equal(undefined)
    await logIn('eve')
    expect(await whoIs(session.token)).to.equal(undefined)
  })

  it('is granted once to many who refresh at once', async () => {
    const { identity, session } = await withSession()
    const answers = await Promise.all(Array.from({ length: 5 }, () => identity.refresh(session.refreshToken, client)))
    expect(answers.map(({ kind }) => kind).toSorted()).to.deep.equal(['granted', 'reused', 'reused', 'reused', 'reused'])
  })

  it('is refused to whatever is no refresh token, to one that has expired, and to one of a session that has ended', async () => {
    const { identity, session, clock } = await withSession()
    for (const text of [
      '',
      'trt_',
      session.token,
      `${session.refreshToken} `,
      session.refreshToken.replace('trt', 'tiv'),
      'a'.repeat(100_000),
    ])
      expect(await identity.refresh(text, client), text.slice(0, 60)).to.deep.equal({ kind: 'refused' })
    clock.nowMs += 86_400_000
    expect(await identity.refresh(session.refreshToken, client)).to.deep.equal({ kind: 'refused' })
  })

  it('cannot be refreshed when its tenant is being deleted', async () => {
    const { identity, session, stores, tenantId } = await withSession()
    stores.beginDeletion(tenantId)
    expect(await identity.refresh(session.refreshToken, client)).to.deep.equal({ kind: 'refused' })
  })

  it('is one of several, which its user lists and ends one by one; logout ends the own', async () => {
    const { identity, session, logIn, whoIs } = await withSession()
    const another = await logIn('eve')
    const idOf = ({ principal }: Granted) => (principal.kind === 'api_key' ? '' : (principal.sessionId ?? ''))
    expect((await identity.sessions(session.principal)).map(({ id }) => id)).to.have.members([idOf(session), idOf(another)])
    await identity.revokeSession(session.principal, idOf(another))
    expect([await whoIs(another.token), await whoIs(session.token)]).to.deep.equal([undefined, session.principal])
    expect(await codeOf(identity.revokeSession(session.principal, idOf(another)))).to.equal('session.missing')
    await identity.logout(session.principal)
    await identity.logout(session.principal)
    expect(await whoIs(session.token)).to.equal(undefined)
  })

  it('is nobody else’s to list or to end', async () => {
    const { identity, session, addUser, logIn, logInAdmin, whoIs } = await withSession()
    await addUser('mallory', 'owner')
    const id = session.principal.kind === 'api_key' ? '' : (session.principal.sessionId ?? '')
    for (const { principal } of [await logIn('mallory'), await logInAdmin()]) {
      expect((await identity.sessions(principal)).map((listed) => listed.id)).to.not.include(id)
      expect(await codeOf(identity.revokeSession(principal, id))).to.equal('session.missing')
    }
    expect(await whoIs(session.token)).to.deep.equal(session.principal)
  })

  it('is nothing that an API key or a token of another issuer has', async () => {
    const { identity } = await withSession()
    for (const principal of [apiKey, fromIssuer]) {
      await identity.logout(principal)
      expect(await codeOf(identity.sessions(principal))).to.equal('session.missing')
      expect(await codeOf(identity.revokeSession(principal, 'x'))).to.equal('session.missing')
      expect(await codeOf(identity.changePassword(principal, 'x', 'y', client))).to.equal('session.missing')
    }
  })
})

describe('a change of the own password', () => {
  const next = 'the next password'

  it('needs the current one, and ends every session but this one', async () => {
    const { identity, session, logIn, whoIs, tenantId } = await withSession()
    const another = await logIn('eve')
    expect(await identity.changePassword(session.principal, 'wrong', next, client)).to.deep.equal({ kind: 'refused' })
    expect(await whoIs(another.token)).to.not.equal(undefined)
    expect(await identity.changePassword(session.principal, password, next, client)).to.deep.equal({ kind: 'changed' })
    expect([await whoIs(another.token), await whoIs(session.token)]).to.deep.equal([undefined, session.principal])
    const login = (text: string) => identity.login({ username: 'eve', password: text, tenantId, client })
    expect([(await login(password)).kind, (await login(next)).kind]).to.deep.equal(['refused', 'granted'])
  })

  it('is for admins, too', async () => {
    const { identity, logInAdmin, whoIs } = await withSession()
    const [one, two] = [await logInAdmin(), await logInAdmin()]
    expect(await identity.changePassword(one.principal, adminPassword, next, client)).to.deep.equal({ kind: 'changed' })
    expect([await whoIs(one.token), await whoIs(two.token)]).to.deep.equal([one.principal, undefined])
    expect((await identity.login({ username: 'root', password: next, tenantId: undefined, client })).kind).to.equal('granted')
  })

  it('leaves the last word to whoever resets the password meanwhile', async () => {
    const { identity, session, stores, tenantId, passwords } = await withSession()
    const hashOf = async () => (await stores.users.findForLogin(tenantId, 'eve'))?.passwordHash
    const { check } = passwords
    passwords.check = async (...of) => {
      await identity.users.change(tenantId, session.principal.id, { password: 'the password after a reset' })
      return check(...of)
    }
    expect(await identity.changePassword(session.principal, password, next, client)).to.deep.equal({ kind: 'refused' })
    expect(await hashOf()).to.equal('hash of the password after a reset')
  })

  it('is no way around the throttle of logins', async () => {
    const { identity, session, counts } = await withSession()
    for (let index = 0; index < 10; index++) await identity.changePassword(session.principal, 'wrong', next, client)
    counts.checks = 0
    expect(await identity.changePassword(session.principal, password, next, client)).to.include({ kind: 'throttled' })
    expect(counts.checks).to.equal(0)
  })
})
