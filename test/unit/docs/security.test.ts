/** The authorization table of docs/security.md is the one that the code decides by. */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { documentPath, withAccessTable } from '../../support/access-table.ts'

describe('docs/security.md', () => {
  it('has the authorization table as `node test/support/access-table.ts --write` makes it', () => {
    const document = readFileSync(documentPath, 'utf8')
    expect(document).to.equal(withAccessTable(document))
  })
})
