/** Why a database is not opened. */
import { AppError, errorText } from '../../../src/core/errors.ts'
import type { TestDatabase } from '../../support/database.ts'

/** Why the database is not opened; undefined when it is. */
export async function refusalOf(database: TestDatabase, tenantUrl?: string): Promise<string | undefined> {
  try {
    await (await database.open({ tenantUrl })).close()
    return undefined
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'config.invalid')) throw error
    return errorText(error, 5_000)
  }
}

export async function roleOf(database: TestDatabase): Promise<string> {
  const [role] = await database.query<{ name: string }>('select name from tenant_role where password is not null')
  return String(role?.name)
}
