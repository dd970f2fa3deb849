/** Stream positions up to which the two sides have been delivered. Asked for, since every segment moves them. */
export interface Delivered {
  readonly requestsDelivered: number
  readonly responsesDelivered: number
}
