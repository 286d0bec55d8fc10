// Sends bytes as they are. Reads {"origin", "ca", "requests": ["…", …], "closes", "from"} from standard input, each
// request as Latin-1, sends each on its own connection, from the address `from` if given, and prints the server's bytes
// for each, until it closes the connection or is silent for a while, as a JSON array. With `closes` nothing can follow
// a request. Plain JavaScript, because Node 20 runs it in another network namespace.
import net from 'node:net';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';

/** Milliseconds of silence after an answer that mean a kept-alive connection. */
const QUIET = 500;
const LONGEST = 30_000;

const { origin, ca, requests, closes = false, from } = JSON.parse(await text(process.stdin));
const url = new URL(origin);
const address = { host: url.hostname.replaceAll(/[[\]]/g, ''), port: Number(url.port), localAddress: from };

function send(request) {
  return new Promise((resolve) => {
    const socket = url.protocol === 'https:' ? tls.connect({ ...address, ca }) : net.connect(address);
    let said = '';
    const done = () => {
      socket.destroy();
      resolve(said);
    };
    socket.setTimeout(LONGEST, done);
    socket.on('data', (data) => {
      said += data.toString('latin1');
      socket.setTimeout(QUIET);
    });
    socket.on('end', done).on('close', done);
    socket.on('error', () => undefined);
    const bytes = Buffer.from(request, 'latin1');
    if (closes) socket.end(bytes);
    else socket.write(bytes);
  });
}

const said = [];
for (const request of requests) said.push(await send(request));
process.stdout.write(JSON.stringify(said));
