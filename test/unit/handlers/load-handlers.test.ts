import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import { loadHandlers } from '../../../src/handlers/index.ts'

const library = pathToFileURL(join(import.meta.dirname, '../../../src/handlers/index.ts')).href

describe('loadHandlers', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenantry-handlers-'))
  })
  after(() => rm(folder, { recursive: true }))

  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, `import { defineHandler } from '${library}'\n${text}\n`)
    return path
  }
  const handler = (type: string): string => `defineHandler({ type: '${type}', handle: () => undefined })`

  async function failure(...paths: readonly string[]): Promise<AppError> {
    try {
      await loadHandlers(paths)
    } catch (error) {
      if (error instanceof AppError) return error
      throw error
    }
    throw new Error('it loaded')
  }

  it('finds every handler of every file, under whatever name, in arrays and by default', async () => {
    const one = await write('one.mjs', `export const a = ${handler('a')}\nexport default ${handler('b')}\nexport const unrelated = 7`)
    const two = await write('two.ts', `export const list: unknown[] = [${handler('c')}, ${handler('d')}]`)
    expect((await loadHandlers([one, two])).map(({ type }) => type)).to.deep.equal(['a', 'b', 'c', 'd'])
    expect(await loadHandlers([])).to.deep.equal([])
  })

  it('takes a handler that is exported twice, or whose file is named twice, once', async () => {
    const path = await write('twice.mjs', `export const a = ${handler('again')}\nexport default a`)
    expect(await loadHandlers([path, path])).to.have.length(1)
  })

  it('names both files when they define the same type', async () => {
    const [one, two] = [
      await write('first.mjs', `export const a = ${handler('same')}`),
      await write('second.mjs', `export const a = ${handler('same')}`),
    ]
    const error = await failure(one, two)
    expect(error.code).to.equal('handler.load_failed')
    expect(error.message).to.contain('"same"').and.contain(one).and.contain(two)
  })

  it('names the file that exports nothing of use, is not there, cannot be parsed, or throws', async () => {
    const useless = await write('useless.mjs', `export const a = { type: 'a', handle() {} }`)
    const broken = await write('broken.mjs', 'export const = 1')
    const throwing = await write('throwing.mjs', `throw new Error('on purpose')`)
    const invalid = await write('invalid.mjs', `export const a = defineHandler({ type: '' })`)
    for (const path of [useless, broken, throwing, invalid, join(folder, 'missing.mjs')]) {
      const error = await failure(path)
      expect(error.code).to.equal('handler.load_failed')
      expect(error.message).to.contain(path)
    }
    expect((await failure(throwing)).message).to.contain('on purpose')
  })
})
