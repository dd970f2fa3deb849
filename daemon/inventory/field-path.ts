/** `lines[].product` as its steps: `lines`, `[]`, `product`. */
export function stepsOf(name: string): string[] {
  const steps: string[] = []
  for (const part of name.split('.')) {
    let bare = part
    let lists = 0
    while (bare.endsWith('[]')) {
      bare = bare.slice(0, -2)
      lists++
    }
    if (bare !== '') steps.push(bare)
    for (let i = 0; i < lists; i++) steps.push('[]')
  }
  return steps
}

/** The place a step further in. */
export function childName(parent: string, step: string): string {
  if (step === '[]') return `${parent}[]`
  return parent === '' ? step : `${parent}.${step}`
}
