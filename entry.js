/**
 * The door of the package. Node runs our TypeScript as it is, but not from a folder named node_modules: an installed
 * package runs what `npm run build` has made of it.
 */
const installed = import.meta.url.includes('/node_modules/')

export const { ack, AppError, createTenantry, defineHandler, reject, retry } = await import(
  installed ? './dist/src/index.js' : './src/index.ts'
)
