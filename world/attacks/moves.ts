import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import { operationOf } from '../estate/estate.ts'
import { jwtOf } from '../visits/login.ts'
import type { Script } from '../visits/script.ts'
import { defineAttack, type Part } from './attack.ts'
import { alone, anyUser, insider, loggedIn, outsider, withToken } from './crew.ts'
import { jitter } from './guessing.ts'

/** Traps: what changes all at once, for good reasons. */

export const officeMove = defineAttack<{ readonly people: number; readonly overUs: number }>({
  name: 'twin.office_move',
  detector: null,
  summary:
    'a company moves: within hours everybody who worked behind one address works behind another, and stays signed in',
  intensities: {
    blatant: { people: 250, overUs: 20 * MINUTE_US },
    moderate: { people: 120, overUs: 60 * MINUTE_US },
    stealthy: { people: 40, overUs: 120 * MINUTE_US },
  },
  begin: (world, { people, overUs }, label) => {
    const { shop } = world.estate.services
    const operations = shop.operations.filter(({ method }) => method === 'GET')
    const [from, to] = [60 + world.random.between(0, 20), 124 - world.random.between(0, 20)]
    return Array.from({ length: people }, (): Part => {
      const caller = insider(world, label)
      caller.moveTo({ kind: 'office', number: from })
      const script = (function* (): Script {
        for (let call = 0; call < 8; call++) {
          if (call === 4) caller.moveTo({ kind: 'office', number: to })
          const operation = caller.random.pick(operations)
          caller.call(operation, { objects: operation.resources.map((each) => caller.reachable(each)) })
          yield jitter(caller, 60 * SECOND_US)
        }
      })()
      return { caller, script: withToken(caller, script), delayUs: world.random.next() * overUs }
    })
  },
})

export const tenantMigration = defineAttack<{ readonly people: number; readonly documents: number }>({
  name: 'twin.tenant_migration',
  detector: null,
  summary:
    'a tenant becomes part of another: a member of staff copies its documents, and its people are given tokens of the new one',
  intensities: {
    blatant: { people: 150, documents: 300 },
    moderate: { people: 80, documents: 120 },
    stealthy: { people: 30, documents: 40 },
  },
  begin: (world, { people, documents }, label) => {
    const { files } = world.estate.services
    const read = operationOf(files, 'GET /t/{tenant}/docs/{document}')
    const write = operationOf(files, 'PUT /t/{tenant}/docs/{document}')
    const [tenant, document] = read.resources as [(typeof read.resources)[0], (typeof read.resources)[0]]
    const [from, to] = world.random.shuffled(Array.from({ length: tenant.count }, (_, i) => i))
    const mover = loggedIn(world, world.random.pick(world.population.staff), label)
    const copies = (function* (): Script {
      for (let i = 0; i < documents; i++) {
        const number = (i * 7) % document.count
        mover.call(read, { objects: [from!, number] })
        yield jitter(mover, 0.5 * SECOND_US)
        mover.call(write, { objects: [to!, number] })
        yield jitter(mover, SECOND_US)
      }
    })()
    const parts = Array.from({ length: people }, (): Part => {
      const member = insider(world, label)
      const script = (function* (): Script {
        for (const home of [from!, to!]) {
          member.authorization = `Bearer ${jwtOf(world, member.actor, member.now, { tenant: `t-${home}` })}`
          for (let i = 0; i < 4; i++) {
            member.call(read, { objects: [home, member.random.between(0, document.count - 1)] })
            yield jitter(member, 20 * SECOND_US)
          }
          yield HOUR_US
        }
      })()
      return { caller: member, script, delayUs: world.random.next() * HOUR_US }
    })
    return [{ caller: mover, script: withToken(mover, copies), delayUs: 0 }, ...parts]
  },
})

export const healthChecks = defineAttack<{ readonly probes: number; readonly forUs: number }>({
  name: 'twin.health_checks',
  detector: null,
  summary: 'load balancers ask every second whether services are well, one of them at a path that is gone',
  intensities: {
    blatant: { probes: 12, forUs: 30 * MINUTE_US },
    moderate: { probes: 6, forUs: 20 * MINUTE_US },
    stealthy: { probes: 3, forUs: 15 * MINUTE_US },
  },
  begin: (world, { probes, forUs }, label) => {
    const { catalogue, partners, shop } = world.estate.services
    return Array.from({ length: probes }, (_, number): Part => {
      const probe = outsider(world, label, 'hosting', 'ELB-HealthChecker/2.0')
      const script = (function* (): Script {
        for (let at = 0; at < forUs; at += 2 * SECOND_US) {
          if (number === 0) probe.stray(shop, 'GET', '/healthz', 404)
          else probe.call(operationOf(number % 2 === 0 ? catalogue : partners, 'GET /health'), { authorization: null })
          yield 2 * SECOND_US
        }
      })()
      return { caller: probe, script, delayUs: number * 100_000 }
    })
  },
})

export const monthEnd = defineAttack<{ readonly reports: number; readonly pages: number }>({
  name: 'twin.month_end',
  detector: null,
  summary:
    'the end of the month: somebody of the staff makes every report there is and leafs through lists of customers',
  intensities: {
    blatant: { reports: 40, pages: 12 },
    moderate: { reports: 24, pages: 8 },
    stealthy: { reports: 12, pages: 4 },
  },
  begin: (world, { reports, pages }, label) => {
    const clerk = loggedIn(world, world.random.pick(world.population.staff), label)
    const { admin } = world.estate.services
    const revenue = operationOf(admin, 'GET /internal/reports/revenue/{month}')
    const churn = operationOf(admin, 'GET /internal/reports/churn/{month}')
    const customers = operationOf(admin, 'GET /internal/customers')
    return alone(
      clerk,
      withToken(
        clerk,
        (function* (): Script {
          for (let i = 0; i < reports; i++) {
            clerk.call(i % 2 === 0 ? revenue : churn, { objects: [i % 24] })
            yield jitter(clerk, 15 * SECOND_US)
          }
          for (let page = 1; page <= pages; page++) {
            const listed = Array.from({ length: 20 }, (_, i) => (20 * page + i) % customers.subject!.count)
            clerk.call(customers, { listed, page, query: `page=${page}&limit=20` })
            yield jitter(clerk, 20 * SECOND_US)
          }
        })(),
      ),
    )
  },
})

export const largeUploads = defineAttack<{ readonly people: number; readonly bytes: number }>({
  name: 'twin.large_uploads',
  detector: null,
  summary: 'people put papers and pictures into their folders: some are large',
  intensities: {
    blatant: { people: 25, bytes: 400_000 },
    moderate: { people: 15, bytes: 250_000 },
    stealthy: { people: 8, bytes: 120_000 },
  },
  begin: (world, { people, bytes }, label) => {
    const upload = operationOf(world.estate.services.files, 'POST /files')
    return Array.from({ length: people }, (): Part => {
      const sender = insider(world, label)
      const script = (function* (): Script {
        for (let i = 0; i < 3; i++) {
          sender.call(upload, { uploadBytes: Math.round(sender.random.skewed(bytes)) })
          yield jitter(sender, 40 * SECOND_US)
        }
      })()
      return { caller: sender, script: withToken(sender, script), delayUs: world.random.next() * HOUR_US }
    })
  },
})

export const newColleague = defineAttack<{ readonly calls: number; readonly everyUs: number }>({
  name: 'twin.new_colleague',
  detector: null,
  summary: 'a customer is hired: the same account has the role of staff from one day on, and works as staff do',
  intensities: {
    blatant: { calls: 120, everyUs: 10 * SECOND_US },
    moderate: { calls: 60, everyUs: 20 * SECOND_US },
    stealthy: { calls: 20, everyUs: 60 * SECOND_US },
  },
  begin: (world, { calls, everyUs }, label) => {
    const user = anyUser(world)
    const colleague = loggedIn(world, { ...user, role: 'staff', channel: 'web' }, label)
    colleague.apiKey = null
    const { operations } = world.estate.services.admin
    return alone(
      colleague,
      withToken(
        colleague,
        (function* (): Script {
          for (let i = 0; i < calls; i++) {
            const operation = colleague.random.pick(operations)
            colleague.call(operation, { objects: operation.resources.map((each) => colleague.reachable(each)) })
            yield jitter(colleague, everyUs)
          }
        })(),
      ),
    )
  },
})
