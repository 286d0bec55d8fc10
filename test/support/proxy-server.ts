import { once } from 'node:events';
import { createServer, request as sendRequest } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface TestProxy {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** `METHOD target` of each request, in order. */
  readonly requests: string[];
  /** The Proxy-Authorization header of each request. */
  readonly authorizations: (string | undefined)[];
  readonly close: () => Promise<void>;
}

/** A real HTTP proxy on loopback: forwards, opens tunnels, or answers everything with the status `refuse`, or cuts it off. */
export async function startProxy(refuse?: number | 'cut'): Promise<TestProxy> {
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    authorizations.push(request.headers['proxy-authorization']);
    if (refuse === 'cut') return response.destroy();
    if (refuse !== undefined) return response.writeHead(refuse).end();
    const outgoing = sendRequest(request.url ?? '', { headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.writeHead(502).end()).end();
    return response;
  });
  server.on('connect', (request, client: Socket) => {
    requests.push(`CONNECT ${request.url}`);
    authorizations.push(request.headers['proxy-authorization']);
    client.on('error', () => client.destroy());
    if (refuse === 'cut') return client.destroy();
    if (refuse !== undefined) return client.end(`HTTP/1.1 ${refuse} Refused\r\n\r\n`);
    const { hostname, port } = new URL(`http://${request.url}`);
    const remote = connect(Number(port), hostname, () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
    sockets.add(remote);
    remote.on('error', () => client.destroy());
    return client.pipe(remote).pipe(client);
  });
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    authorizations,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
