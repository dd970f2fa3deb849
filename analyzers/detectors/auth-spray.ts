import { defineDetector } from '../detector.ts'
import { CampaignDetector } from './auth-campaign/campaign-detector.ts'
import { CampaignOptions } from './auth-campaign/campaign-tracker.ts'

export const authSpray = defineDetector({
  id: 'auth.spray',
  title: 'Password spraying',
  owasp: ['API2:2023'],
  attack: ['T1110.003'],
  describes: {
    detects: 'One password, or a few, tried at many accounts, from one source or from many.',
    statistic:
      'The test of auth.stuffing. A campaign is a spray when at least half of its first failures were with a password that another account had been tried with before; sameness is compared in memory, under a random key of the process. Such passwords are a trait of their own, so that a spray is found whatever address, program and pace it comes with.',
    memory: 'As auth.stuffing, once more: each of the two counts for itself.',
    warmUp: 'As auth.stuffing: 20 sign-ins of those who were known at the endpoint.',
    traps:
      'Those of auth.stuffing. A default password that a school or a company hands out: its users mistype nothing and get in. Missed: those of auth.stuffing; a spray so slow that the shared passwords are forgotten in between (262,144 other passwords).',
    tuning: 'report and leastAccounts.',
  },
  options: CampaignOptions,
  create: (options) => new CampaignDetector('auth.spray', options),
})
