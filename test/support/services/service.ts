/** A server that the tests may use for the whole run. */
export interface Service {
  readonly url: string
  /** What it is, for the line on standard output. */
  readonly description: string
  /** Ends what was started for the run; nothing when it was there before. */
  stop(): Promise<void>
}

/** A server that was there before and stays. */
export const foundService = (url: string, description: string): Service => ({ url, description, stop: async () => {} })
