import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{daemon,analyzers,sinks,demo,world,scripts,test}/**/*.test.ts'],
    // It waits for a rebalance to give away the partition that is meant, which takes a busy machine minutes: OFFPATH_REBALANCE=1 npx vitest run test/kafka/mid-batch
    exclude: [...configDefaults.exclude, ...(process.env.OFFPATH_REBALANCE ? [] : ['test/kafka/mid-batch.test.ts'])],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
})
