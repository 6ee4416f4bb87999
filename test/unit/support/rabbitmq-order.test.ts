import { expect } from 'chai'
import { orderRabbitmqSources } from '../../support/services/rabbitmq-order.ts'

describe('orderRabbitmqSources', () => {
  it('asks nobody else when RABBITMQ_URL is set', () => {
    expect(orderRabbitmqSources({ hasUrl: true, isRoot: true, hasApt: true })).to.deep.equal(['environment'])
  })

  it('installs only as the last resort, as root, where there is apt', () => {
    expect(orderRabbitmqSources({ hasUrl: false, isRoot: true, hasApt: true })).to.deep.equal(['local', 'container', 'installed', 'apt'])
    expect(orderRabbitmqSources({ hasUrl: false, isRoot: false, hasApt: true })).to.deep.equal(['local', 'container', 'installed'])
    expect(orderRabbitmqSources({ hasUrl: false, isRoot: true, hasApt: false })).to.deep.equal(['local', 'container', 'installed'])
  })
})
