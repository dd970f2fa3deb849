import { z } from 'zod'

const host = z
  .string()
  .max(260)
  .regex(/^(?:\*|(?:\*\.)?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/, {
    error: 'expected a host such as api.shop.example, *.shop.example, 10.0.0.5:8080 or *:8443',
  })
  .refine((text) => text !== '*', { error: 'expected a host or a port: * alone is everything' })

/** The section `endpoints`: what the API is. */
export const endpoints = z
  .strictObject({
    services: z
      .array(
        z.strictObject({
          name: z
            .string()
            .regex(/^[A-Za-z0-9._\-[\]:]{1,255}$/, { error: 'expected a name such as shop or api.shop.example' })
            .describe('What the service is called from now on.'),
          hosts: z
            .array(host)
            .min(1)
            .max(64)
            .describe('Hosts that are this service: `api.shop.example`, `*.shop.example`, `10.0.0.5:8080`, `*:8443`.'),
        }),
      )
      .max(256)
      .default([])
      .describe(
        'Hosts that are one service; the first that fits counts, one without a port at any port. Else each host, and each server address and ' +
          'port, is a service of its own.',
      ),
    descriptions: z
      .array(
        z.strictObject({
          file: z
            .string()
            .min(1)
            .describe(
              'OpenAPI 3 or Swagger 2, as YAML or JSON. Commands read it when they run, the daemon when it starts and when it changes.',
            ),
          services: z
            .array(z.string().min(1).max(255))
            .min(1)
            .max(64)
            .nullable()
            .default(null)
            .describe('Services that it describes; null: those of its servers, else all.'),
        }),
      )
      .max(64)
      .default([])
      .describe(
        'Descriptions of the API: `offpath routes`, the API and the store say of each route whether it is described, and inventory.drift tells ' +
          'what is not.',
      ),
  })
  .prefault({})
  .describe('What the API is: its services, and what is written about it.')
