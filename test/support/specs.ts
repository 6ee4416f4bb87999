/** Which test files an `npm test` runs, and whether they need servers. */

const everything = 'test/{unit,actors,contract,integration,e2e,faults}/**/*.test.ts'

export interface Selection {
  readonly specs: readonly string[]
  /** Everything else, for mocha. */
  readonly options: readonly string[]
  readonly needsServices: boolean
}

/** A folder stands for all tests in it: mocha itself would look for JavaScript there. */
const toPattern = (spec: string): string => (/\.ts$|\*/.test(spec) ? spec : `${spec.replace(/\/$/, '')}/**/*.test.ts`)

/** Splits the arguments of a run. Without a path under test/, everything is selected. */
export function selectSpecs(args: readonly string[]): Selection {
  const isSpec = (arg: string): boolean => !arg.startsWith('-') && /(^|\/)test(\/|$)/.test(arg)
  const named = args.filter(isSpec)
  const specs = named.length > 0 ? named.map(toPattern) : [everything]
  return {
    specs,
    options: args.filter((arg) => !isSpec(arg)),
    needsServices: !specs.every((spec) => /(^|\/)test\/(unit|actors)(\/|$)/.test(spec)),
  }
}
