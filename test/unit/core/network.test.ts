import { expect } from 'chai'
import { toNetwork } from '../../../src/core/network.ts'

describe('the network of an address', () => {
  const networks: readonly (readonly [address: string, network: string])[] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['no address', 'no address'],
    ['', ''],
  ]
  for (const [address, network] of networks)
    it(`of ${address || 'nobody'} is ${network || 'none'}`, () => expect(toNetwork(address)).to.equal(network))
})
