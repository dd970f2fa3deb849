import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{daemon,analyzers,sinks,demo,world,scripts,test}/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    // Real brokers, kernels and processes on a machine that others use: once more, and scripts/test lists what needed it.
    retry: process.env.CI === 'true' ? 1 : 0,
  },
})
