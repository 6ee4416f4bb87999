/** A page of a list that is kept in memory. */

export interface Page<T> {
  readonly page: readonly T[]
  /** The last of the page when there are more. */
  readonly last: T | undefined
}

export function toPage<T extends { readonly id: string }>(
  all: readonly T[],
  limit: number,
  after: { readonly id: string } | undefined,
): Page<T> {
  const start = after ? all.findIndex(({ id }) => id === after.id) + 1 : 0
  const page = all.slice(start, start + limit)
  return { page, last: start + limit < all.length ? page.at(-1) : undefined }
}

/** A time as a position of a list has it. */
export const toMicros = (date: Date): string => `${date.getTime()}000`
