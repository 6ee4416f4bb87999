/** A fault lasts: the one place of the suite where time passes on purpose. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
