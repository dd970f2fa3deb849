import { curl, nodeCall } from './clients.ts'
import { CLIENT6, SERVER, SERVER6 } from './network.ts'
import { NODE_PORT, startOrigin } from './origin.ts'
import { curlName, nginx, node } from './players.ts'
import type { Scene } from './scenes.ts'

const host = ['-H', 'Host: api.shop.test']

/** The same traffic seen through other links, recorders and options. */
export const WIRES: readonly Scene[] = [
  {
    name: 'ipv6',
    shows: 'GET and POST over IPv6',
    server: node,
    client: node,
    play: async () => [
      await nodeCall('/orders/1001', { server: SERVER6, from: CLIENT6 }),
      await nodeCall('/received', { server: SERVER6, from: CLIENT6, method: 'POST', body: 'over six' }),
      await nodeCall('/chunked/4000', { server: SERVER6, from: CLIENT6 }),
    ],
  },
  {
    name: 'loopback',
    shows: 'both sides on the lo interface',
    server: node,
    client: node,
    recorder: ['tcpdump', '-i', 'lo', 'tcp'],
    play: async () => {
      const server = await startOrigin('127.0.0.1', NODE_PORT)
      const ledger = [
        await nodeCall('/orders/', { server: '127.0.0.1' }),
        await nodeCall('/hello', { server: '127.0.0.1' }),
      ]
      server.close()
      server.closeAllConnections()
      return ledger
    },
  },
  {
    name: 'any-sll',
    shows: 'tcpdump -i any, Linux cooked v1',
    server: nginx,
    client: curlName,
    recorder: ['tcpdump', '-i', 'any', '-y', 'LINUX_SLL', 'tcp'],
    play: () => curl([...host, `http://${SERVER}/hello`, '-o', '/dev/null', `http://${SERVER}/v1/orders/5`]),
  },
  {
    name: 'any-sll2',
    shows: 'tcpdump -i any, Linux cooked v2',
    server: nginx,
    client: curlName,
    recorder: ['tcpdump', '-i', 'any', '-y', 'LINUX_SLL2', 'tcp'],
    play: () => curl([...host, `http://${SERVER}/hello`, '-o', '/dev/null', `http://${SERVER}/v1/orders/5`]),
  },
  {
    name: 'nanoseconds',
    shows: 'a pcap with nanosecond timestamps',
    server: nginx,
    client: curlName,
    tcpdump: ['--time-stamp-precision=nano'],
    play: () => curl([...host, `http://${SERVER}/hello`, '-o', '/dev/null', `http://${SERVER}/v1/orders/6`]),
  },
  {
    name: 'pcapng-dumpcap',
    shows: 'a pcapng file by dumpcap, with its options and statistics blocks',
    server: nginx,
    client: curlName,
    recorder: ['dumpcap', '-i', 'eth-client', '-f', 'tcp'],
    extension: 'pcapng',
    play: () => curl([...host, `http://${SERVER}/hello`, '-o', '/dev/null', `http://${SERVER}/v1/orders/8`]),
  },
  {
    name: 'snap-length',
    shows: 'tcpdump -s 200: heads are whole, bodies are cut in the capture',
    server: node,
    client: node,
    tcpdump: ['-s', '200'],
    play: async () => {
      const cut = { state: 'gap' } as const
      return [
        { ...(await nodeCall('/bytes/900')), ...cut },
        { ...(await nodeCall('/hello')) },
        { ...(await nodeCall('/bytes/5000')), ...cut },
      ]
    },
  },
  {
    name: 'other-traffic',
    shows: 'HTTP among ARP, ICMP, UDP and IPv6 neighbour discovery: no filter on the recorder',
    server: nginx,
    client: curlName,
    recorder: ['tcpdump', '-i', 'eth-client'],
    play: async () => {
      const { createSocket } = await import('node:dgram')
      const socket = createSocket('udp4')
      for (let i = 0; i < 3; i++)
        await new Promise((sent) => socket.send(`GET /not-http/${i} HTTP/1.1\r\n\r\n`, 5353, SERVER, sent))
      socket.close()
      return curl([...host, `http://${SERVER}/hello`, '-o', '/dev/null', `http://[${SERVER6}]/hello`])
    },
  },
  {
    name: 'midstream-live',
    shows: 'tcpdump started after the connection was made and used',
    server: node,
    client: node,
    recorder: ['tcpdump', '-i', 'eth-client', 'tcp and not (tcp[13] & 2 != 0)'],
    play: async () => {
      const ledger = [await nodeCall('/orders/1001'), await nodeCall('/chunked/3000')]
      return ledger.map((line) => ({ ...line, pairing: 'inferred' as const }))
    },
  },
]
