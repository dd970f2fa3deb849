import { Caller, type Label } from '../caller.ts'
import type { PlaceKind } from '../network.ts'
import { type Actor, stranger } from '../people.ts'
import { grant } from '../visits/login.ts'
import type { Script } from '../visits/script.ts'
import type { World } from '../world.ts'
import type { Part } from './attack.ts'

/** Who attacks, and from where. */

/** Somebody without an account. */
export function outsider(world: World, label: Label, kind: PlaceKind = 'hosting', userAgent?: string): Caller {
  const name = nameFor(world, label)
  const actor = stranger(world.random, 'attacker', kind, name)
  return new Caller(world, userAgent === undefined ? actor : { ...actor, userAgent }, world.random.fork(name), label)
}

/** Somebody with an account like everybody's, logged in. */
export function insider(world: World, label: Label, kind?: PlaceKind): Caller {
  const user = anyUser(world)
  const places = kind === undefined ? user.places : [{ kind, number: world.random.between(0, 4000) }]
  return loggedIn(world, { ...user, places }, label)
}

/** An actor with a token at hand. */
export function loggedIn(world: World, actor: Actor, label: Label): Caller {
  const caller = new Caller(world, actor, world.random.fork(nameFor(world, label)), label)
  if (actor.channel === 'app' || actor.channel === 'both') caller.apiKey = world.population.appKeys[0]!
  return caller
}

export function anyUser(world: World): Actor {
  const { users } = world.population
  for (;;) {
    const user = world.random.pick(users)
    if (user.channel !== 'web') return user
  }
}

/** One caller, from the beginning. */
export function alone(caller: Caller, script: Script): readonly Part[] {
  return [{ caller, script, delayUs: 0 }]
}

/** The same script with a fresh token first: its time is known only when it starts. */
export function* withToken(caller: Caller, script: Script): Script {
  grant(caller)
  yield* script
}

function nameFor(world: World, { attack, twin }: Label): string {
  return `${attack ?? twin}/${world.nextSerial()}`
}
