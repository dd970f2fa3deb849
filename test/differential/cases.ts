import { readFileSync } from 'node:fs'
import type { CaptureNote } from '../../scripts/capture/note.ts'
import { midstream } from '../fuzz/dirty-mirror.ts'
import { captureNotes } from '../integration/capture-notes.ts'
import { readCapture, writePcap } from '../mutate/capture-file.ts'
import { encapsulate, fragmentShuffled } from '../mutate/encapsulate.ts'
import {
  behindTags,
  chain,
  drop,
  duplicate,
  duplicateBehindTag,
  loseData,
  type Mutator,
  overlap,
  reorder,
  retransmit,
  splitEvery,
  wrapSequence,
} from '../mutate/mutators.ts'
import { payloadLength, tcpParts } from '../mutate/tcp-frame.ts'
import { conversations } from './conversation.ts'
import { Coverage } from './coverage.ts'
import { type Feature, features } from './features.ts'
import type { TruePair } from './played-connection.ts'

/** A pair that happened, and what a reader can be asked to know of it. */
export interface Expected {
  readonly client: string
  readonly server: string
  readonly method: string
  readonly target: string
  readonly status: number
  readonly requestBody: number | null
  /** Null: what is missing cannot be known. */
  readonly responseBody: number | null
  /** Whether the capture has all of it, so that a reader should find the pair. */
  readonly captured: boolean
  /** Why tshark 4.0 may read it otherwise: a name of docs/capture.md, `Where tshark differs`. */
  readonly tsharkMay: readonly string[]
}

export interface Case {
  readonly name: string
  /** How it is made: a file of test/captures, or what the seed did to one. */
  readonly how: string
  readonly file: Buffer
  readonly extension: string
  readonly truth: readonly Expected[]
  /** Frames are missing, so a pair may be refused as not provable. */
  readonly lossy: boolean
  readonly features: ReadonlySet<Feature>
}

const HARMLESS: readonly (readonly [string, Mutator])[] = [
  ['duplicate', duplicate(1, 0.5)],
  ['duplicate-vlan', duplicateBehindTag(12)],
  ['retransmit', retransmit(3)],
  ['reorder', reorder(4)],
  ['overlap', overlap(5)],
  ['split', splitEvery(31)],
  ['wrap', wrapSequence(300)],
  ['vlan', behindTags(100, 12)],
  ['vxlan', encapsulate('vxlan', { vni: 7 })],
  ['fragments', fragmentShuffled(576, 8)],
]

/** Every capture of the comparison, made from seeds: the same each time. `share` takes every nth of each kind. */
export function cases(share = 1, seed = 1): Case[] {
  const nth = <T>(all: readonly T[]): T[] => all.filter((_, place) => place % share === 0)
  const goldens = captureNotes()
  const plain = goldens.filter(({ note }) => simple(note))
  return [
    ...nth(goldens).map(golden),
    ...nth(plain).map(({ name, path, note }, place) =>
      mutated(name, path, note, HARMLESS[place % HARMLESS.length]!, false),
    ),
    ...nth(plain).map(({ name, path, note }, place) => {
      const lost: readonly [string, Mutator] =
        place % 3 === 0 ? ['one-lost', loseOne(seed + place)] : ['lost', loseData(seed + place, 0.06)]
      return mutated(name, path, note, lost, true)
    }),
    ...nth(Array.from({ length: 45 }, (_, place) => place)).map((place) => scene(seed * 1000 + place)),
    ...nth(Array.from({ length: 45 }, (_, place) => place)).map((place) => brokenScene(seed * 1000 + 500 + place)),
  ]
}

/** Recorded, whole, and of the kind of frames the mutators can touch. */
function simple(note: CaptureNote): boolean {
  return (
    note.from === undefined &&
    note.transactions.length > 0 &&
    note.file.endsWith('.pcap') &&
    note.transactions.every(
      (entry) => (entry.state ?? 'complete') === 'complete' && (entry.pairing ?? 'exact') === 'exact',
    )
  )
}

function golden({ name, path, note }: { name: string; path: string; note: CaptureNote }): Case {
  const file = readFileSync(path)
  const frames = readCapture(file)
  return {
    name,
    how: `test/captures/${note.file}`,
    file,
    extension: note.file.slice(note.file.indexOf('.')),
    truth: ledger(note),
    lossy: incomplete(note),
    features: features(frames, incomplete(note)),
  }
}

function mutated(
  name: string,
  path: string,
  note: CaptureNote,
  [kind, mutate]: readonly [string, Mutator],
  lossy: boolean,
): Case {
  const before = readCapture(readFileSync(path))
  const frames = mutate(before)
  const truth = ledger(note).map((pair) => ({
    ...pair,
    // Which messages a loss touched is not known here; scenes know it.
    captured: pair.captured && !lossy,
    responseBody: lossy ? null : pair.responseBody,
    tsharkMay: [...pair.tsharkMay, ...(lossy ? ['hole'] : []), ...(kind === 'overlap' ? ['overlap'] : [])],
  }))
  return {
    name: `${name}+${kind}`,
    how: `test/captures/${note.file}, ${kind}`,
    file: writePcap(frames),
    extension: '.pcap',
    truth,
    lossy,
    features: features(before, lossy),
  }
}

/** Bytes are missing, by the note's own account. */
function incomplete(note: CaptureNote): boolean {
  return note.transactions.some(
    ({ state, refused, pairing }) =>
      refused !== undefined || pairing === 'inferred' || (state !== undefined && state !== 'upgraded'),
  )
}

/** What is in the notes of a golden capture; their own account of tshark comes along. */
function ledger(note: CaptureNote): Expected[] {
  const known = [
    ...(note.tsharkLinks === undefined ? [] : ['links']),
    ...(note.tshark.length > 0 ? ['note'] : []),
    ...(incomplete(note) ? ['hole'] : []),
  ]
  return note.transactions
    .filter((entry) => entry.method !== null && entry.status !== null)
    .map((entry) => ({
      client: entry.client,
      server: entry.server,
      method: entry.method!,
      target: bare(entry.target!),
      status: entry.status!,
      requestBody: entry.requestBody,
      responseBody: (entry.state ?? 'complete') === 'complete' ? entry.responseBody : null,
      captured: entry.refused === undefined,
      tsharkMay: known,
    }))
}

/** As both readers are made to write it: without scheme and authority. */
export function bare(target: string): string {
  return target.replace(/^https?:\/\/[^/]*/i, '')
}

function loseOne(seed: number): Mutator {
  return (frames) => {
    const data = frames.flatMap((frame, index) => {
      const at = tcpParts(frame)
      return at !== null && payloadLength(at) > 0 ? [index] : []
    })
    const lost = data[seed % Math.max(1, data.length)]
    return drop((_, index) => index === lost)(frames)
  }
}

function scene(seed: number): Case {
  return played(seed, 'scene', HARMLESS[seed % HARMLESS.length]!, false)
}

/** What goes wrong on the way, by turns. */
function brokenScene(seed: number): Case {
  const broken: readonly (readonly [string, Mutator])[] = [
    ['lost', loseData(seed, 0.04)],
    ['one-lost', loseOne(seed)],
    ['late', midstream(seed, 0.7)],
    ['dirty', chain(midstream(seed, 0.2), loseData(seed, 0.02), reorder(seed + 1, 0.1), duplicate(seed + 2, 0.1))],
  ]
  return played(seed, 'broken', broken[seed % broken.length]!, true)
}

function played(seed: number, kind: string, [name, mutate]: readonly [string, Mutator], lossy: boolean): Case {
  const { frames: before, pairs } = conversations(seed)
  const frames = mutate(before)
  const coverage = new Coverage(before, lossy ? frames : before)
  return {
    name: `${kind}-${seed}+${name}`,
    how: `conversations(${seed}), ${name}`,
    file: writePcap(frames),
    extension: '.pcap',
    truth: pairs.map((pair) => expected(pair, coverage, name)),
    lossy,
    features: features(before, lossy),
  }
}

function expected(pair: TruePair, coverage: Coverage, mutation: string): Expected {
  const reached = coverage.of(pair)
  return {
    client: pair.client,
    server: pair.server,
    method: pair.method,
    target: pair.target,
    status: pair.status,
    requestBody: reached === 'whole' ? pair.requestBody : null,
    responseBody: reached === 'whole' ? pair.responseBody : null,
    captured: reached === 'whole',
    tsharkMay: [
      ...(pair.underWay > 1 ? ['pipelined'] : []),
      ...(pair.interim ? ['interim'] : []),
      ...(coverage.holeUpTo(pair) ? ['hole'] : []),
      ...(mutation === 'overlap' ? ['overlap'] : []),
    ],
  }
}
