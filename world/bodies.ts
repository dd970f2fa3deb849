import type { Operation, Resource } from './estate/operation.ts'
import { personName, phrase } from './identifiers.ts'

/** What requests and answers say: JSON of believable size, with ids that really lead somewhere. */

const STATES = ['open', 'paid', 'shipped', 'returned'] as const

/** One object as its service shows it. `users` tells who owns it. */
export function objectJson(resource: Resource, number: number, users: number): string {
  const id = idJson(resource, number)
  const total = resource.fact(number, 1, 90_000)
  switch (resource.name) {
    case 'customer':
      return `{"id":${id},"name":"${personName(number)}","email":"${personMail(number)}","phone":"+49 30 ${5_000_000 + number}","city":"Leipzig","since":"20${15 + (number % 11)}-03-0${1 + (number % 9)}","marketing":${number % 2 === 0}}`
    case 'product':
      return `{"id":${id},"title":"${phrase(number)}","price":${total / 100},"currency":"EUR","stock":${number % 90},"rating":${(number % 50) / 10},"description":"A ${phrase(number + 1)} for people who would rather have a ${phrase(number + 2)}."}`
    case 'order':
    case 'order2':
      return `{"id":${id},"customer_id":"${resource.ownerOf(number, users)}","state":"${STATES[number % 4]}","total":${total / 100},"currency":"EUR","placed_at":"2026-1${number % 2}-1${number % 9}T08:${10 + (number % 49)}:00Z","lines":${1 + (number % 5)},"ship_to":{"street":"Lindenweg ${number % 90}","zip":"0${4000 + (number % 900)}","city":"Leipzig"}}`
    case 'account':
      return `{"id":${id},"owner":"${resource.ownerOf(number, users)}","balance":${total},"currency":"EUR","iban":"DE02100100100006820101"}`
    default:
      return `{"id":${id},"owner_id":"${resource.ownerOf(number, users)}","title":"${phrase(number)}","state":"${STATES[number % 4]}","updated_at":"2026-11-1${number % 9}T1${number % 9}:20:00Z","size":${total}}`
  }
}

export function listJson(resource: Resource, numbers: readonly number[], users: number, page: number): string {
  let text = '{"items":['
  for (let i = 0; i < numbers.length; i++) {
    if (i > 0) text += ','
    text += objectJson(resource, numbers[i]!, users)
  }
  return `${text}],"page":${page},"total":${resource.count}}`
}

/** What the caller sends with it; empty when the request has no body. */
export function requestJson(operation: Operation, ids: readonly string[], fact: number): string {
  const { service, name } = operation
  if (name !== null) return service.rpc === 'graphql' ? graphBody(operation, ids) : rpcBody(name, ids, fact)
  switch (operation.shape) {
    case 'create':
      return `{"subject":"${phrase(fact)}","quantity":${1 + (fact % 4)},"note":"please ring at number ${fact % 90}"}`
    case 'update':
      return `{"quantity":${1 + (fact % 4)},"notify":${fact % 2 === 0}}`
    case 'action':
      return fact % 3 === 0 ? '' : `{"reason":"${phrase(fact)}"}`
    case 'ok':
      return operation.method === 'POST'
        ? `{"events":[{"name":"screen_view","at":${fact}},{"name":"tap","at":${fact + 3}}]}`
        : ''
    default:
      return ''
  }
}

function graphBody({ name, shape, subject, pieces }: Operation, ids: readonly string[]): string {
  const writes = shape === 'action' || shape === 'update' || shape === 'create'
  const field = `${pieces.length > 0 ? name![0]!.toLowerCase() : ''}${name!.slice(1)}`
  const fields = subject === null ? 'ok' : 'id title state'
  const document = `${writes ? 'mutation' : 'query'} ${name}($id: ID) { ${field}(id: $id) { ${fields} } }`
  const id = ids[0] === undefined ? 'null' : `"${ids[0]}"`
  return `{"operationName":"${name}","query":"${document}","variables":{"id":${id}}}`
}

function rpcBody(name: string, ids: readonly string[], fact: number): string {
  const id = ids[0] === undefined ? '' : `"id":"${ids[0]}",`
  return `{"jsonrpc":"2.0","id":${fact % 100_000},"method":"${name}","params":{${id}"trace":${fact}}}`
}

/** How a service wraps what it answers. */
export function wrapped(operation: Operation, json: string, fact: number): string {
  if (operation.name === null) return json
  return operation.service.rpc === 'graphql'
    ? `{"data":{"result":${json}}}`
    : `{"jsonrpc":"2.0","id":${fact % 100_000},"result":${json}}`
}

export function errorJson(status: number): string {
  return `{"error":{"code":${status},"message":"${MESSAGES[status] ?? 'failed'}"}}`
}

const MESSAGES: Readonly<Record<number, string>> = {
  400: 'the request cannot be read',
  401: 'authentication needed',
  403: 'not allowed',
  404: 'not found',
  405: 'method not allowed',
  409: 'changed meanwhile',
  422: 'a field is wrong',
  429: 'too many requests',
  500: 'internal error',
  502: 'upstream failed',
  503: 'try again later',
}

export function personMail(number: number): string {
  return `${personName(number).toLowerCase().replace(' ', '.')}.${number}@mail.example`
}

function idJson(resource: Resource, number: number): string {
  const id = resource.idOf(number)
  return resource.kind === 'number' ? id : `"${id}"`
}
