import { serveStore } from './store-serve.ts'

/** Entry of the store process: spool and database; reads no traffic, only rows that the engine made. */
serveStore()
