/** Elements up to which a list is copied to just its length. */
const SMALL = 8

/**
 * The list with one more element: itself, or a new one where it was small. V8 gives an array that is pushed to room for half as much
 * again and 16 elements; where a hundred thousand lists hold one or a few each, that is most of what they cost.
 */
export function withOneMore<Element>(list: Element[], element: Element): Element[] {
  if (list.length === 0) return [element]
  if (list.length < SMALL) return list.concat([element])
  list.push(element)
  return list
}
