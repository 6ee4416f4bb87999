/** Which test files an `npm test` runs, and whether they need servers. */

/** All tests, as two runs side by side: those that mostly compute, and those that mostly wait for processes of their own. */
const everything = [['test/{unit,actors,contract,integration}/**/*.test.ts'], ['test/{e2e,faults,security}/**/*.test.ts']] as const

export interface Selection {
  /** What each mocha runs. One that is given options runs alone: some of them fail where they match nothing. */
  readonly lanes: readonly (readonly string[])[]
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
  const options = args.filter((arg) => !isSpec(arg))
  const specs = named.length > 0 ? named.map(toPattern) : everything.flat()
  return {
    lanes: named.length === 0 && options.length === 0 ? everything : [specs],
    options,
    needsServices: !specs.every((spec) => /(^|\/)test\/(unit|actors)(\/|$)/.test(spec)),
  }
}
