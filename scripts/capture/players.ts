import { version } from './clients.ts'

/** Names and versions of the programs on both sides, for the notes. */
export const node = () => `Node ${process.version} http`
export const nginx = () => version('nginx', ['-v'], /nginx\/[\d.]+/)
export const curlName = () => version('curl', ['--version'], /curl [\d.]+/)
export const abName = () => version('ab', ['-V'], /ApacheBench, Version [\d.]+/)
export const wrkName = () => version('wrk', ['-v'], /wrk [\w/]*[\d.]+/)
export const apache = () => version('apache2', ['-v'], /Apache\/[\d.]+/)
export const haproxy = () => version('haproxy', ['-v'], /HAProxy version [\d.]+/)
export const hand = () => 'bytes written by hand to a socket'
