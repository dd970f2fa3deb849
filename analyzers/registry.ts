import type { DetectorDeclaration } from './detector.ts'
import { authBruteforce } from './detectors/auth-bruteforce.ts'
import { captureBlind } from './detectors/capture-blind.ts'
import { captureSilent } from './detectors/capture-silent.ts'
import { injectionDetectors } from './detectors/injection.ts'
import { leakDetectors } from './detectors/leak.ts'
import { objectEnumeration } from './detectors/object-enumeration.ts'
import { scanProbing } from './detectors/scan-probing.ts'

/** Every detector there is, by id. A new one is one file in detectors/, its test, and one line here. */
export const DETECTORS: readonly DetectorDeclaration[] = [
  authBruteforce,
  captureBlind,
  captureSilent,
  ...injectionDetectors,
  ...leakDetectors,
  objectEnumeration,
  scanProbing,
].sort((a, b) => (a.id < b.id ? -1 : 1))
