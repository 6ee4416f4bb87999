/** Which text format of the metrics a reader asks for. */

/** True when the Accept header names OpenMetrics and does not like plain text better. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  if (accept === undefined) return false
  const openMetrics = qualityOf(accept, 'application/openmetrics-text')
  return openMetrics > 0 && openMetrics >= qualityOf(accept, 'text/plain')
}

/** The highest weight that the header gives to exactly this type; 0 when it does not name it. */
function qualityOf(accept: string, type: string): number {
  const weights = accept.split(',').map((range) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    if (name !== type) return 0
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    return weight === undefined ? 1 : Number(weight.slice(2)) || 0
  })
  return Math.max(0, ...weights)
}
