import { spawnSync } from 'node:child_process'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { HeapGrowth, YoungGeneration } from './heap-growth.ts'
import { boundInlining } from './inlining.ts'

const MIB = 1024 * 1024
const v8 = vi.hoisted(() => ({ flags: [] as string[], heapBytes: 0, youngBytes: 0 }))
// The flags hold for a whole process, that of the tests included.
vi.mock('node:v8', () => ({
  setFlagsFromString: (flag: string) => v8.flags.push(flag),
  getHeapStatistics: () => ({ total_heap_size: v8.heapBytes }),
  getHeapSpaceStatistics: () => [{ space_name: 'new_space', space_size: v8.youngBytes }],
}))

beforeEach(() => {
  v8.flags.length = 0
  v8.heapBytes = 20 * MIB
  v8.youngBytes = 2 * MIB
})

describe('HeapGrowth', () => {
  it('lets a small heap grow far, and no longer once it is not small', () => {
    const growth = new HeapGrowth()
    expect(v8.flags).toEqual(['--heap-growing-percent=300'])
    v8.heapBytes = 95 * MIB
    growth.look()
    expect(v8.flags).toHaveLength(1)
    v8.heapBytes = 96 * MIB
    growth.look()
    expect(v8.flags.slice(1)).toEqual(['--heap-growing-percent=50'])
  })

  it('says so once', () => {
    v8.heapBytes = 200 * MIB
    const growth = new HeapGrowth()
    for (let i = 0; i < 3; i++) growth.look()
    expect(v8.flags).toEqual(['--heap-growing-percent=300', '--heap-growing-percent=50'])
  })

  it('leaves alone what the process was started with', () => {
    process.execArgv.push('--heap-growing-percent=50')
    try {
      v8.heapBytes = 200 * MIB
      new HeapGrowth().look()
      expect(v8.flags).toEqual([])
    } finally {
      process.execArgv.pop()
    }
  })
})

describe('YoungGeneration', () => {
  it('grows to 16 MB and no further', () => {
    const young = new YoungGeneration()
    young.look()
    expect(v8.flags).toEqual([])
    v8.youngBytes = 16 * MIB
    young.look()
    young.look()
    expect(v8.flags).toEqual(['--semi-space-growth-factor=1'])
  })
})

it('uses flags that this Node.js knows, since it prints an error for others', () => {
  v8.heapBytes = 200 * MIB
  v8.youngBytes = 16 * MIB
  new HeapGrowth().look()
  new YoungGeneration().look()
  boundInlining()
  const set = `for (const flag of ${JSON.stringify(v8.flags)}) require('node:v8').setFlagsFromString(flag)`
  const { status, stderr } = spawnSync(process.execPath, ['-e', set], { encoding: 'utf8' })
  expect(v8.flags).toHaveLength(4)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})
