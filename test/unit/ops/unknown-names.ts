/** What a PromQL expression asks for that is not exposed: metrics, and labels of the very metrics that it asks by them. */

/** `labelsOf`: the labels of each series, by its name. Returns complaints, none for an expression that can be answered. */
export function findUnknownNames(expr: string, labelsOf: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const has = (name: string, label: string): boolean => labelsOf.get(name)?.includes(label) ?? false
  const complain = (names: readonly string[], labels: readonly string[]): readonly string[] =>
    labels.flatMap((label) => names.filter((name) => !has(name, label)).map((name) => `${name} has no ${label}`))
  const all = metricsIn(expr)
  return [
    ...all.filter((name) => !labelsOf.has(name)),
    ...[...expr.matchAll(/(\w+)\{([^}]*)\}/g)].flatMap(([, name = '', matchers = '']) =>
      complain(
        metricsIn(name),
        [...matchers.matchAll(/(\w+)\s*[=!]~?=?"/g)].map(([, label = '']) => label),
      ),
    ),
    // What is put together by a label has it in every metric inside.
    ...[...expr.matchAll(/\b(?:by|without)\s*\(([^)]*)\)\s*/g)].flatMap(({ 0: text, 1: list = '', index }) => {
      const inside = operandAt(expr, index + text.length)
      return inside === undefined ? [`${text.trim()} is not followed by what it is about`] : complain(metricsIn(inside), toLabels(list))
    }),
    // What is joined on a label has it on both sides; what is joined without one need have it on one side alone.
    ...[...expr.matchAll(/\bon\s*\(([^)]*)\)/g)].flatMap(([, list = '']) => complain(all, toLabels(list))),
    ...[...expr.matchAll(/\bignoring\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
      toLabels(list)
        .filter((label) => !all.some((name) => has(name, label)))
        .map((label) => `nothing has ${label}`),
    ),
  ]
}

const metricsIn = (expr: string): readonly string[] => [...new Set(expr.match(/\b(?:tenantry|nodejs|process)_\w+/g))]

const toLabels = (list: string): readonly string[] => list.split(',').flatMap((label) => label.trim() || [])

/** What is between the parenthesis at this place and its end. */
function operandAt(expr: string, start: number): string | undefined {
  if (expr[start] !== '(') return undefined
  let depth = 0
  for (let index = start; index < expr.length; index++) {
    if (expr[index] === '(') depth++
    if (expr[index] === ')' && --depth === 0) return expr.slice(start, index)
  }
  return undefined
}
