import type { DetectorDeclaration } from './detector.ts'
import { authBruteforce } from './detectors/auth-bruteforce.ts'
import { authMissing } from './detectors/auth-missing.ts'
import { authOtp } from './detectors/auth-otp.ts'
import { authSpray } from './detectors/auth-spray.ts'
import { authStuffing } from './detectors/auth-stuffing.ts'
import { authTokenForged } from './detectors/auth-token-forged.ts'
import { authTokenHygiene } from './detectors/auth-token-hygiene.ts'
import { authTokenTheft } from './detectors/auth-token-theft.ts'
import { baselineDrift } from './detectors/baseline-drift.ts'
import { baselineFrozen } from './detectors/baseline-frozen.ts'
import { baselineModelChanged } from './detectors/baseline-model-changed.ts'
import { captureBlind } from './detectors/capture-blind.ts'
import { captureSilent } from './detectors/capture-silent.ts'
import { consumptionCost } from './detectors/consumption-cost.ts'
import { consumptionRate } from './detectors/consumption-rate.ts'
import { consumptionSize } from './detectors/consumption-size.ts'
import { consumptionVolume } from './detectors/consumption-volume.ts'
import { functionPrivilege } from './detectors/function-privilege.ts'
import { injectionDetectors } from './detectors/injection.ts'
import { inventoryDrift } from './detectors/inventory-drift.ts'
import { inventoryShadow } from './detectors/inventory-shadow.ts'
import { inventoryZombie } from './detectors/inventory-zombie.ts'
import { leakDetectors } from './detectors/leak.ts'
import { objectEnumeration } from './detectors/object-enumeration.ts'
import { objectOwnership } from './detectors/object-ownership.ts'
import { propertyExposure } from './detectors/property-exposure.ts'
import { propertyMassAssignment } from './detectors/property-mass-assignment.ts'
import { regressionErrors } from './detectors/regression-errors.ts'
import { regressionLatency } from './detectors/regression-latency.ts'
import { regressionSecurity } from './detectors/regression-security.ts'
import { regressionSilence } from './detectors/regression-silence.ts'
import { scanProbing } from './detectors/scan-probing.ts'
import { scanTripwire } from './detectors/scan-tripwire.ts'
import { scrapeExfiltration } from './detectors/scrape-exfiltration.ts'

/** Every detector there is, by id. A new one is one file in detectors/, its test, and one line here. */
export const DETECTORS: readonly DetectorDeclaration[] = [
  authBruteforce,
  authMissing,
  authOtp,
  authSpray,
  authStuffing,
  authTokenForged,
  authTokenHygiene,
  authTokenTheft,
  baselineDrift,
  baselineFrozen,
  baselineModelChanged,
  captureBlind,
  captureSilent,
  consumptionCost,
  consumptionRate,
  consumptionSize,
  consumptionVolume,
  functionPrivilege,
  ...injectionDetectors,
  inventoryDrift,
  inventoryShadow,
  inventoryZombie,
  ...leakDetectors,
  objectEnumeration,
  propertyExposure,
  propertyMassAssignment,
  objectOwnership,
  regressionErrors,
  regressionLatency,
  regressionSecurity,
  regressionSilence,
  scanProbing,
  scanTripwire,
  scrapeExfiltration,
].sort((a, b) => (a.id < b.id ? -1 : 1))
