import { defineDetector } from '../detector.ts'
import { CampaignDetector } from './auth-campaign/campaign-detector.ts'
import { CampaignOptions } from './auth-campaign/campaign-tracker.ts'

export const authStuffing = defineDetector({
  id: 'auth.stuffing',
  title: 'Credential stuffing',
  owasp: ['API2:2023'],
  attack: ['T1110.004'],
  describes: {
    detects:
      'Leaked pairs of account and password tried at many accounts, from one source or from thousands with a few tries each.',
    statistic:
      'Per log-in endpoint and trait of attempts (source, network, shared password, user agent, program, languages, order of headers, and all strangers together) a test by accounts: of the strangers with this trait, do they fail as a campaign does (H1: 95 % fail, or 50 % where others share the trait) or as people do (H0: 20 %, and at least 15 points more than those who are known here fail at this moment)? A stranger is whoever has not signed in to that account from that source or network before. An account counts once for a trait and is taken back when the stranger gets in. The test is summed from its lowest point (Page 1954) and halves in 12 hours. Of the traits that reach the p-value, the narrowest that covers nine in ten of the failures names the campaign; what belongs to it counts for nothing else, and whoever gets in is told as taken where nine in ten with the trait fail, or where his source failed at another account. One incident, whose subject is the campaign; guessing at single accounts and sources that are part of it joins.',
    memory:
      'maxPlaces endpoints with 256 attempts, maxCohorts traits of 0.3 KiB and up to 12 KiB while accounts fail there, maxAccounts accounts x 8 sources, 0.2 KiB. Newcomers push out newcomers; evictions are counted.',
    warmUp:
      'Tells nothing at an endpoint before 20 sign-ins of those who were known there: on the first day everybody is a stranger.',
    traps:
      'An office or a carrier on Monday morning (people get in after all, and that is taken back), expired passwords and an identity provider that is down (those who are known fail too), a client that is broken by a release (the same), a newsletter that brings everybody back (they get in), one old password retried by a job (one account). Missed: campaigns at an endpoint where nearly all are new; fewer than eight accounts; credentials in headers; attempts that are fewer than one in three or so among strangers with every trait they have; accounts that the attacker opened to sign in to between the tries.',
    tuning: 'report and leastAccounts.',
  },
  options: CampaignOptions,
  create: (options) => new CampaignDetector('auth.stuffing', options),
})
