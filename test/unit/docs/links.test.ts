/** Every relative link in the documents leads to a file. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'

const root = join(import.meta.dirname, '../../..')

describe('the documents', () => {
  for (const document of globSync(['*.md', 'docs/**/*.md'], { cwd: root })) {
    it(`${document} links to files that exist`, () => {
      const links = [...readFileSync(join(root, document), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
      const files = links.filter((link) => !/^(https?:|#)/.test(link)).map((link) => link.replace(/#.*$/, ''))
      expect(files.filter((file) => !existsSync(join(root, dirname(document), file)))).to.deep.equal([])
    })
  }

  it('names files of the code that exist', () => {
    const named = [
      ...readFileSync(join(root, 'docs/architecture.md'), 'utf8').matchAll(/`((?:src|actors|test|migrations)\/[\w./-]+\.ts)`/g),
    ]
    expect(named.map(([, file = '']) => file).filter((file) => !existsSync(join(root, file)))).to.deep.equal([])
  })
})
