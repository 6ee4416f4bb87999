/** Calls that a test answers itself, one by one, in the order in which they came. */

interface Call<Input, Output> {
  readonly input: Input
  resolve(output: Output): void
  reject(error: unknown): void
}

export interface Calls<Input, Output> {
  /** All calls so far. */
  readonly made: readonly Input[]
  /** Calls that nobody has answered. */
  readonly open: readonly Call<Input, Output>[]
  call(input: Input): Promise<Output>
  /** Answers the oldest open call, and lets everything that follows from it happen. */
  resolve(output: Output): Promise<void>
  reject(error: unknown): Promise<void>
}

export function createCalls<Input, Output>(): Calls<Input, Output> {
  const made: Input[] = []
  const open: Call<Input, Output>[] = []
  const next = (): Call<Input, Output> => {
    const call = open.shift()
    if (!call) throw new Error('there is no open call')
    return call
  }
  return {
    made,
    open,
    call(input) {
      made.push(input)
      return new Promise<Output>((resolve, reject) => open.push({ input, resolve, reject }))
    },
    async resolve(output) {
      next().resolve(output)
      await turn()
    },
    async reject(error) {
      next().reject(error)
      await turn()
    },
  }
}

/** Resolves when everything that is ready to run has run: promises, and the immediates that they make. */
export async function turn(): Promise<void> {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve))
}
