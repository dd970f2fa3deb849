/**
 * What a literal segment looks like, as far as looks say whether it names an object or belongs to the API.
 *
 *   code     EUR, DE, en-GB: upper-case codes and locales
 *   value    brisk-red-lamp, lena.holm, anna_7: words joined by three or by a dot, or with a number behind them
 *   word     everything else: orders, password-reset, social_accounts, kitchen
 */
export type WordShape = 'code' | 'value' | 'word'

const CODE = /^(?:[A-Z]{2,3}|[a-z]{2}[-_][A-Z]{2})$/
const VALUE = /^(?:[a-z0-9]+(?:-[a-z0-9]+){2,}|[a-z]+\.[a-z]+\d*|[a-z]+(?:[-._][a-z]*)?\d+)$/i

export function shapeOf(word: string): WordShape {
  if (word.length <= 5 && CODE.test(word)) return 'code'
  return VALUE.test(word) && !VERB.test(word) ? 'value' : 'word'
}

/** Names of functions: `users.list`, `get_order`, `oauth2`. */
const VERB =
  /(?:^|[._-])(?:get|set|list|create|update|delete|remove|add|find|search|send|post|info|test|start|stop|open|close|join|leave|invite|history|generate|abort|complete|cancel|confirm|verify|validate|check|reset|resend|upload|download|import|export|sync|register|approve|reject|accept|decline|enable|disable|subscribe)(?:$|[._-])|^[a-z]{2,8}\d$|v\d$/i

const EXTENSION =
  /\.(?:json|xml|ya?ml|png|jpe?g|gif|svg|webp|ico|pdf|csv|txt|html?|m?js|css|map|zip|gz|mp[34]|woff2?)$/i

/** `.png` of `lena.holm.png`; empty where there is none. */
export function extensionOf(segment: string): string {
  return segment.includes('.') ? (EXTENSION.exec(segment)?.[0] ?? '') : ''
}
