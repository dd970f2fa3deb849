import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { columnPlot, scatterPlot, sparkline } from './plot.ts'

const NAMES = { y: 'order id', from: '23:14:33', to: '23:14:45' }
const anyNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE),
)
const size = fc.record({ width: anyNumber, height: anyNumber })

/** All lines of one width, of glyphs that stand on one line. */
function checkShape(lines: readonly string[], asked: { width: number; height: number }): void {
  const widths = new Set(lines.map((line) => line.length))
  expect(widths.size).toBeLessThanOrEqual(1)
  const width = Number.isFinite(asked.width) ? Math.max(12, Math.min(400, Math.floor(asked.width))) : 12
  for (const line of lines) {
    expect(line.length).toBe(width)
    expect(line).not.toMatch(/undefined|NaN|[\r\n]/)
  }
}

describe('scatterPlot', () => {
  test('ids taken one after the other are a diagonal one can see', () => {
    const points = Array.from({ length: 100 }, (_, at) => ({ x: at, y: 1000 + at }))
    const { lines, text } = scatterPlot(points, { width: 25, height: 4 }, NAMES)
    expect(lines).toEqual([
      '1099│               ⣀⡤⠔⠚⠉',
      '    │          ⣀⡤⠔⠚⠉     ',
      '    │     ⣀⡤⠔⠚⠉          ',
      '1000│⣀⡤⠔⠚⠉               ',
      '     23:14:33    23:14:45',
    ])
    expect(text).toBe('order id: 100 points from 1000 to 1099, rising; 23:14:33 to 23:14:45')
  })

  test('the same points in any order are the same picture, and every point has its dot', () => {
    const point = fc.record({ x: fc.integer({ min: 0, max: 1000 }), y: fc.integer({ min: 0, max: 1000 }) })
    fc.assert(
      fc.property(fc.uniqueArray(point, { minLength: 1, selector: ({ x }) => x }), (points) => {
        const drawn = scatterPlot(points, { width: 60, height: 8 }, NAMES)
        expect(scatterPlot([...points].reverse(), { width: 60, height: 8 }, NAMES)).toEqual(drawn)
        const dots = drawn.lines.join('').match(/[\u2801-\u28ff]/g) ?? []
        expect(dots.length).toBeGreaterThan(0)
        expect(dots.length).toBeLessThanOrEqual(points.length)
      }),
    )
  })

  test('any numbers, any size', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ x: anyNumber, y: anyNumber })), size, (points, asked) => {
        const { lines, text } = scatterPlot(points, asked, NAMES)
        checkShape(lines, asked)
        expect(text).not.toMatch(/NaN|Infinity|undefined/)
        const drawable = points.some(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))
        expect(lines.length > 0).toBe(drawable)
      }),
    )
  })
})

describe('columnPlot', () => {
  test('columns from the bottom, with a level to compare with', () => {
    const { lines, text } = columnPlot([0, 1, 2, 4, 8, 16], { width: 15, height: 4 }, { ...NAMES, y: 'failures' }, 5)
    expect(lines).toEqual([
      '16│          ██',
      '  │          ██',
      '  │········████',
      ' 0│  ▂▂▄▄██████',
      '   23:14:33    ',
    ])
    expect(text).toBe('failures: 0, 1, 2, 4, 8, 16; most 16 in part 6 of 6; dotted line at 5; 23:14:33 to 23:14:45')
  })

  test('any numbers, any size; a value above zero is never invisible', () => {
    fc.assert(
      fc.property(fc.array(anyNumber), size, fc.option(anyNumber, { nil: undefined }), (values, asked, mark) => {
        const { lines, text } = columnPlot(values, asked, NAMES, mark)
        checkShape(lines, asked)
        expect(text).not.toMatch(/NaN|Infinity|undefined/)
        expect(lines.length > 0).toBe(values.length > 0)
        const seen = /[▁▂▃▄▅▆▇█]/.test(lines.join(''))
        expect(seen).toBe(values.some((value) => Number.isFinite(value) && value > 0))
      }),
    )
  })
})

test('a sparkline is as wide as asked or as its values, and shows every value above zero', () => {
  expect(sparkline([0, 1, 4, 8], 10)).toBe(' ▁▄█')
  fc.assert(
    fc.property(fc.array(anyNumber), fc.integer({ min: 0, max: 50 }), (values, width) => {
      const line = sparkline(values, width)
      expect(line.length).toBe(Math.min(values.length, width))
      expect(line).toMatch(/^[ ▁▂▃▄▅▆▇█]*$/)
      if (width >= values.length) {
        expect([...line].map((glyph) => glyph !== ' ')).toEqual(
          values.map((value) => Number.isFinite(value) && value > 0),
        )
      }
    }),
  )
})
