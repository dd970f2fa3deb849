import { defineDetector } from '../detector.ts'
import { CODES } from './auth-bruteforce/findings.ts'
import { GuessingDetector, GuessingOptions } from './auth-bruteforce.ts'

export const authOtp = defineDetector({
  id: 'auth.otp',
  title: 'Guessing of one-time codes',
  owasp: ['API2:2023'],
  attack: ['T1110.001'],
  describes: {
    detects:
      'Many different one-time codes or PINs tried at the second factor of one account, or of one source at those of many accounts.',
    statistic:
      'The tests of auth.bruteforce, on attempts whose secret stands in a field for codes (otp, code, pin and their like): distinct wrong codes per account, accounts tried in vain per source. Codes and passwords of an account are counted apart: who has the password of an account and guesses its code starts from nothing here.',
    memory: 'As auth.bruteforce: maxAccounts accounts x 8 sources, maxSources sources x 64 accounts.',
    warmUp: 'Works from the first request, on the prior of auth.bruteforce: one wrong code in ten.',
    traps:
      'A code that ended while it was typed and is sent again (the same code does not count), a delayed message with an older code (one or two wrong ones, then the right one). Missed: a session instead of an account in the request, from many addresses; codes in a header or in the path.',
    tuning: 'report; fastGuessMs where a client sends codes quickly.',
  },
  options: GuessingOptions,
  create: (options) => new GuessingDetector(CODES, options),
})
