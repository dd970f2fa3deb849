import type { PayloadClass } from '../../daemon/payload/payload.ts'
import { type CorpusRequest, type CorpusSet, half } from './corpus-request.ts'
import { PLACEMENTS } from './placements.ts'
import { COMMAND } from './seeds/command.ts'
import { SSRF } from './seeds/files.ts'
import { SQLI } from './seeds/sqli.ts'

/** A payload that begins, or stands, inside of prose, in such a way that it still works there. */
export interface Wrapped {
  readonly class: PayloadClass
  readonly seed: string
  readonly request: CorpusRequest
}

/** Prose that ends where a payload may go on. Without quotes or characters of a shell: they would end the prose, not the payload. */
const BEFORE = [
  'The parcel came on Monday and everything was fine',
  'Please call me back before noon',
  'My order never arrived and nobody answers the phone',
  'Great service and very friendly people in the shop',
  'I would like to change the address of my last order to Hauptstrasse 4',
  'Could you tell me when the blue one is back in stock',
  'This is the third time that I write to you about the broken lamp',
  'Thank you for the quick answer',
]
const AFTER = [
  ' and please be quick about it.',
  ' is all I have to say for now, thank you',
  ' That would be very kind of you.',
  ' I will wait for your answer until Friday.',
]

/** Ends the string around it (SQL in prose that ends none is text to the database), and makes what follows a comment or a string again. */
const BREAKS_OUT = /^[\w%.-]{0,12}["'][^\n]*(?:-- ?-?|#|["'][^"']{0,12})$/
const ENDS_IN_COMMENT = /(?:-- ?-?|#)$/
/** Ends the words that an unquoted command begins with; the shell runs what follows. */
const ENDS_WORDS = /^(?:[;|&\n]|\$\(|`)/
const SUBSTITUTES = /^(?:\$\([^)]*\)|`[^`]*`)$/

const PLACES = new Set(['query', 'form', 'multipart', 'json', 'json in json', 'xml text', 'graphql variable'])

/** Of each seed that works so, with every sentence of the set and in every place for texts. */
export function* wrapped(set: CorpusSet): Generator<Wrapped> {
  const places = PLACEMENTS.filter(({ name }) => PLACES.has(name))
  for (const [name, seed, text] of texts(set)) {
    for (const { put } of places) {
      const request = put(text)
      if (request !== null) yield { class: name, seed, request }
    }
  }
}

function* texts(set: CorpusSet): Generator<[PayloadClass, string, string]> {
  for (const before of half(BEFORE, set)) {
    for (const seed of half(SQLI, set)) {
      if (!BREAKS_OUT.test(seed.trim())) continue
      yield ['sqli', seed, before + seed]
      if (!ENDS_IN_COMMENT.test(seed.trim())) continue
      for (const after of half(AFTER, set)) yield ['sqli', seed, before + seed + after]
    }
    for (const seed of half(COMMAND, set)) {
      if (!ENDS_WORDS.test(seed)) continue
      yield ['command', seed, before + seed]
      yield ['command', seed, `${before} ${seed}`]
      if (!SUBSTITUTES.test(seed)) continue
      for (const after of half(AFTER, set)) yield ['command', seed, `${before} ${seed}${after}`]
    }
    for (const seed of half(SSRF, set)) {
      if (!/^\w+:\/\//.test(seed)) continue
      yield ['ssrf', seed, `${before} ${seed}`]
      for (const after of half(AFTER, set)) yield ['ssrf', seed, `${before}: ${seed}${after}`]
    }
  }
}

/** Written after the tuning, to see what the price is: what people who run servers tell one another in a sentence. */
export const TALK: readonly string[] = [
  'Just run npm install && npm test before you push.',
  'Then type cd /var/www; ls -la and send me what it says.',
  'I usually do ps aux | grep node and end the oldest one.',
  'Use `rm -rf node_modules` and install everything again.',
  'The manual says curl https://get.example.com | sh, which I do not like at all.',
  'Try http://localhost:3000 in your browser, then http://127.0.0.1:8080/admin.',
  "The tutorial uses ' OR 1=1-- as the classic example of an injection.",
  'Add $(date +%F) to the name of the backup and it sorts by itself.',
  'Our metadata service lives at http://169.254.169.254/latest/meta-data/ as on every cloud.',
  "Put name = 'O''Brien' AND city = 'Cork' into the filter, that worked for me.",
  'First stop the service; systemctl restart nginx is too harsh for that.',
  "She wrote SELECT * FROM orders WHERE status = 'open' on the whiteboard and left.",
  'My .bashrc has alias ll="ls -l"; the rest is the default.',
  'Grafana is at http://10.0.0.5:3000/d/abc and the other one at http://wiki.corp/start.',
  'You can ping 10.0.0.1 && ping 10.0.0.2 to see which one is down.',
  'Give it the flags -v; echo $? tells you whether it worked.',
  'We had UNION ALL SELECT in that view and it was slow, so I took it out.',
  'I piped it through sort | uniq -c and found three of them.',
  'Set the path to /usr/local/bin; python3 -m venv .venv comes next.',
  "It's in the docs -- 'drop table' is not undone by a rollback in MySQL.",
  'The webhook goes to http://example.com/hook?id=7&next=http://localhost/done for now.',
  'Say `id` or `whoami` on that host and tell me the group.',
  'Rename it; mv old.txt new.txt is all there is to it.',
  'Their password rule is "at least 12 characters"; mine was 11.',
]
