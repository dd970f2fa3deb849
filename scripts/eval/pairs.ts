/**
 * How well one partition of transactions tells another: callers as found against callers as they are. A pair of transactions is right
 * when both partitions put it together.
 */
export class Pairs {
  readonly #cells = new Map<string, Map<string, number>>()
  #total = 0

  add(actor: string, principal: string): void {
    let actors = this.#cells.get(principal)
    if (actors === undefined) {
      actors = new Map()
      this.#cells.set(principal, actors)
    }
    actors.set(actor, (actors.get(actor) ?? 0) + 1)
    this.#total++
  }

  get total(): number {
    return this.#total
  }

  score(): { readonly precision: number; readonly recall: number; readonly f1: number } {
    const byActor = new Map<string, number>()
    let both = 0
    let found = 0
    for (const actors of this.#cells.values()) {
      let size = 0
      for (const [actor, count] of actors) {
        size += count
        both += pairsOf(count)
        byActor.set(actor, (byActor.get(actor) ?? 0) + count)
      }
      found += pairsOf(size)
    }
    let real = 0
    for (const count of byActor.values()) real += pairsOf(count)
    const precision = found === 0 ? 1 : both / found
    const recall = real === 0 ? 1 : both / real
    return { precision, recall, f1: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall) }
  }

  /** Principals that stand for several actors: transactions of all but the most frequent one. Most first. */
  merges(): { readonly principal: string; readonly actors: number; readonly wrong: number }[] {
    const merges = [...this.#cells].map(([principal, actors]) => {
      const counts = [...actors.values()]
      return { principal, actors: actors.size, wrong: sum(counts) - Math.max(...counts) }
    })
    return merges.filter(({ wrong }) => wrong > 0).sort((a, b) => b.wrong - a.wrong)
  }

  /** Actors that appear as several principals: transactions under all but the most frequent one. Most first. */
  splits(): { readonly actor: string; readonly principals: readonly string[]; readonly wrong: number }[] {
    const byActor = new Map<string, Map<string, number>>()
    for (const [principal, actors] of this.#cells) {
      for (const [actor, count] of actors) {
        const principals = byActor.get(actor) ?? new Map<string, number>()
        principals.set(principal, count)
        byActor.set(actor, principals)
      }
    }
    const splits = [...byActor].map(([actor, principals]) => {
      const counts = [...principals.values()]
      return { actor, principals: [...principals.keys()], wrong: sum(counts) - Math.max(...counts) }
    })
    return splits.filter(({ wrong }) => wrong > 0).sort((a, b) => b.wrong - a.wrong)
  }
}

function pairsOf(count: number): number {
  return (count * (count - 1)) / 2
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
