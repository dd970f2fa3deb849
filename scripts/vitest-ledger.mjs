import { writeFileSync } from 'node:fs'

const MOST_OF_A_REASON = 3000

/** A vitest reporter that writes what scripts/run-tests.mjs counts, as JSON, to the file named in OFFPATH_TEST_LEDGER. */
export default class Ledger {
  onTestRunEnd(modules, unhandledErrors) {
    const ledger = { passed: 0, failures: [], skips: [], unsteady: [] }
    for (const module of modules) {
      const errors = module.errors()
      if (errors.length > 0) ledger.failures.push(`${module.relativeModuleId}: ${errors[0].message}`)
      for (const test of module.children.allTests()) {
        const name = `${module.relativeModuleId}: ${test.fullName}`
        const { state, note, errors } = test.result()
        // Those of the tries that failed: a counterexample would be gone with them.
        if (test.diagnostic()?.flaky)
          ledger.unsteady.push(`${name}: ${errors?.[0]?.message.slice(0, MOST_OF_A_REASON)}`)
        if (state === 'passed') ledger.passed++
        else if (state === 'failed') ledger.failures.push(name)
        else ledger.skips.push(note === undefined ? name : `${name}: ${note}`)
      }
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) ledger.failures.push(`${module.relativeModuleId}: ${suite.fullName}`)
      }
    }
    for (const error of unhandledErrors) ledger.failures.push(`outside any test: ${error.message}`)
    writeFileSync(process.env.OFFPATH_TEST_LEDGER, JSON.stringify(ledger))
  }
}
