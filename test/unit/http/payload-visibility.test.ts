import { expect } from 'chai'
import type { PayloadVisibility } from '../../../src/core/identity.ts'
import { failedMessageDetail } from '../../../src/http/schemas/failed-message.ts'
import { messageDetail, messageList } from '../../../src/http/schemas/message.ts'
import { createFailed } from './memory-failures.ts'
import { startApi } from './start-api.ts'

describe('payload visibility', () => {
  const table: readonly [PayloadVisibility, readonly string[]][] = [
    ['all', ['admin', 'owner', 'operator', 'key']],
    ['tenant', ['owner', 'operator', 'key']],
    ['owner', ['owner']],
    ['none', []],
  ]
  for (const [visibility, seeing] of table) {
    it(`${visibility} shows message data to ${seeing.join(', ') || 'nobody'}`, async () => {
      await using api = await startApi()
      const id = await api.createTenant('acme', { payload_visibility: visibility })
      const tenant = `/v1/tenants/${id}`
      const data = { canary: 'yellow' }
      const { body: message } = await api.call('POST', `${tenant}/messages`, { json: { type: 't', data } })
      const scheduled_at = new Date(Date.now() + 3_600_000).toISOString()
      const { body: scheduled } = await api.call('POST', `${tenant}/messages`, { json: { type: 't', data, scheduled_at } })
      const [json, bytes] = [
        createFailed(id, 1, { body: Buffer.from(JSON.stringify(data)) }),
        createFailed(id, 2, { body: Buffer.from('yellow') }),
      ]
      api.engine.failed.push(json, bytes)
      const callers = {
        admin: { token: api.adminToken },
        owner: { token: await api.tokenOf(id, 'owner') },
        operator: { token: await api.tokenOf(id, 'operator') },
        key: { token: null, headers: { 'x-api-key': await api.keyOf(id, 'read', 'operate') } },
      }
      for (const [caller, options] of Object.entries(callers)) {
        const answers = [
          await api.call('GET', `${tenant}/messages/${message.id}`, options),
          await api.call('GET', `${tenant}/messages/${scheduled.id}`, options),
          await api.call('GET', `${tenant}/messages`, options),
          await api.call('GET', `${tenant}/messages?status=scheduled`, options),
          await api.call('GET', '/v1/messages', options),
          await api.call('GET', `${tenant}/failed-messages/${json.id}`, options),
          await api.call('GET', `${tenant}/failed-messages/${bytes.id}`, options),
          await api.call('POST', `${tenant}/failed-messages/${json.id}/retry`, options),
        ]
        const isSeeing = seeing.includes(caller)
        for (const [index, { status, text }] of answers.entries()) {
          expect(status, `${caller} ${index} ${text}`).to.be.oneOf([200, 202])
          // The bytes are shown as base64.
          expect(text.includes('yellow') || text.includes('eWVsbG93'), `${caller} ${index}`).to.equal(isSeeing)
          expect(text.includes('"data_hidden":true'), `${caller} ${index}`).to.equal(!isSeeing)
        }
        messageDetail.parse(answers[0]?.body)
        messageList.parse(answers[2]?.body)
        failedMessageDetail.parse(answers[5]?.body)
      }
    })
  }

  it('is the installation’s where a tenant says nothing, and is asked tenant by tenant in a list of all', async () => {
    await using api = await startApi({ payloadVisibility: 'tenant' })
    const tenants = [await api.createTenant('silent'), await api.createTenant('open', { payload_visibility: 'all' })]
    for (const id of tenants) await api.call('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: id } })
    const { data } = messageList.parse((await api.call('GET', '/v1/messages')).body)
    expect(data.map((message) => message.data)).to.deep.equal([tenants[1], null])
  })
})
