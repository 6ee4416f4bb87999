/** How values arrive from PostgreSQL. */
import pg from 'pg'

const int8 = 20

/** As pg's, but a `bigint` is a number; one that a number cannot hold fails its query instead of being rounded. */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === int8 && format !== 'binary'
      ? parseBigint
      : pg.types.getTypeParser(oid, format as 'text')) as pg.CustomTypesConfig['getTypeParser'],
}

function parseBigint(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new RangeError(`the bigint ${text} is not a safe integer`)
  return number
}
