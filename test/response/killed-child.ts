import { join } from 'node:path'
import { DurableMap } from '../../daemon/durable/durable-map.ts'
import type { Action } from '../../daemon/model/action.ts'
import { loadConnectors } from '../../daemon/response/recipes/load.ts'
import { Response } from '../../daemon/response/response.ts'
import { change, incident, policy, quietLogger, step } from './harness.ts'

/** A process that bans one address and then waits to be killed. Arguments: folder, URL of CrowdSec, folder of recipes, address. */
const [folder = '', url = '', recipesFolder = '', address = ''] = process.argv.slice(2)
const policies = [policy('enforce', [step({ action: 'crowdsec' })])]
const setting = { recipe: 'crowdsec', params: { url }, secret_env: { password: 'CROWDSEC_PASSWORD' }, secret_file: {} }
const options = { env: process.env, folder, recipesFolder, nowMs: Date.now }
const response = new Response({
  actions: await DurableMap.open<Action>(join(folder, 'actions')),
  connectors: await loadConnectors({ crowdsec: setting }, options),
  policies: () => policies,
  guards: { never: [], maxActive: 50 },
  onChange: ({ state }) => process.stdout.write(`${state}\n`),
  nowMs: Date.now,
  random: () => 0.5,
  logger: quietLogger(),
})
await response.start()
setInterval(() => response.tick(Date.now()).catch(() => process.exit(1)), 100)
await response.consider(change(incident([address]), 'opened'))
