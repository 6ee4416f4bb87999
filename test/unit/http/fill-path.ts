/** Paths of routes with ids in the place of their parameters. */

/** An id that nothing has. */
export const nobody = '01990000-0000-7000-8000-00000000dead'

export const fill = (path: string, tenantId: string, other = nobody): string =>
  path
    .replace('{id}', tenantId)
    .replace('{name}', 'a-name')
    .replace(/\{\w+\}/, other)
