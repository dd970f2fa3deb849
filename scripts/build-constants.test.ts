import { expect, test } from 'vitest'
import { constantsOf } from './build-constants.mjs'

const bundle = `// node_modules/other/index.js
var theirs = 1;

// daemon/http/thing.ts
var LIMIT = 65535;
var Thing = class {
  #limit = LIMIT;
};
var cached = null;
function get() {
  cached ??= new Thing();
  return cached;
}
var count = 0, $names = ["a"];
var counts = 0;
var next = () => counts++;
var unset;

// daemon/http/other.ts
var LIMITS = { LIMIT: 3 };
console.log(LIMIT === 3, LIMITS.LIMIT, (LIMIT) => LIMIT);
`

test('what is set once at the top level of a module of our own becomes const again, and nothing else', () => {
  const changed = constantsOf(bundle)
    .split('\n')
    .filter((line) => line.startsWith('const '))
  expect(changed).toEqual([
    'const LIMIT = 65535;',
    'const Thing = class {',
    'const next = () => counts++;',
    'const LIMITS = { LIMIT: 3 };',
  ])
})
