import { version } from './clients.ts'

/** Names and versions of the programs on both sides, for the notes. */
export const node = () => `Node ${process.version} http`
export const nginx = () => version('nginx', ['-v'], /nginx\/[\d.]+/)
export const curlName = () => version('curl', ['--version'], /curl [\d.]+/)
export const abName = () => version('ab', ['-V'], /ApacheBench, Version [\d.]+/)
export const hand = () => 'bytes written by hand to a socket'
