import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { WebSocket } from 'undici';
import { removeTree } from '../../src/io/files.ts';

export interface View {
  /** Of the window, in CSS pixels. */
  readonly width: number;
  readonly height: number;
  readonly dark?: boolean;
}

/** A page that is open in a real browser. */
export interface OpenPage {
  /** Value of an expression in the page. */
  readonly evaluate: <T>(expression: string) => Promise<T>;
  /** Presses a key without text, such as `Tab`. */
  readonly press: (key: string) => Promise<void>;
  /** Requested addresses, the page's own first. */
  readonly requests: readonly string[];
  /** The browser's complaints: console messages, blocked contents, exceptions. */
  readonly complaints: readonly string[];
}

/** Opens a file in Debian's headless Chromium, and closes the browser after `work`. */
export async function withPage<T>(
  file: string,
  view: View,
  work: (page: OpenPage) => Promise<T>,
): Promise<T> {
  const profile = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-browser-'));
  const browser = spawn(
    'chromium-headless-shell',
    // Chromium's sandbox does not work for root, as in CI.
    ['--no-sandbox', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
    // The program is a script that starts the browser: ends their process group.
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  const ended = once(browser, 'exit');
  try {
    const session = await attach(await addressOf(browser));
    try {
      return await work(await openPage(session, pathToFileURL(file).href, view));
    } finally {
      session.close();
    }
  } finally {
    if (browser.pid !== undefined) process.kill(-browser.pid, 'SIGKILL');
    await ended;
    await removeTree(profile);
  }
}

async function addressOf(browser: ChildProcess): Promise<string> {
  if (browser.stderr === null) throw new Error('no standard error');
  for await (const line of createInterface({ input: browser.stderr })) {
    const address = /^DevTools listening on (ws:\S+)$/u.exec(line)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error('chromium-headless-shell did not start');
}

type Parameters = Readonly<Record<string, unknown>>;

/** A tab, through the Chrome DevTools protocol. */
interface Session {
  send(method: string, parameters?: Parameters): Promise<Parameters>;
  /** Calls `look` with the parameters of every such event. */
  on(event: string, look: (parameters: Parameters) => void): void;
  once(event: string): Promise<Parameters>;
  close(): void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Parameters;
  readonly result?: Parameters;
  readonly error?: { readonly message: string };
}

async function attach(address: string): Promise<Session> {
  const { host } = new URL(address);
  const targets = (await (await fetch(`http://${host}/json/list`)).json()) as {
    readonly type: string;
    readonly webSocketDebuggerUrl: string;
  }[];
  const target = targets.find(({ type }) => type === 'page');
  if (target === undefined) throw new Error('Chromium has no tab');
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  const answers = new Map<number, (message: Message) => void>();
  const listeners: { readonly event: string; readonly look: (parameters: Parameters) => void }[] = [];
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) answers.get(message.id)?.(message);
    for (const { event, look } of listeners) if (event === message.method) look(message.params ?? {});
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error('Chromium closed the connection')));
  });
  let last = 0;
  const on: Session['on'] = (event, look) => void listeners.push({ event, look });
  return {
    on,
    once: (event) => new Promise((resolve) => on(event, resolve)),
    close: () => socket.close(),
    send: (method, parameters = {}) =>
      new Promise((resolve, reject) => {
        const id = (last += 1);
        answers.set(id, ({ result, error }) => {
          if (error === undefined) resolve(result ?? {});
          else reject(new Error(`${method}: ${error.message}`));
        });
        socket.send(JSON.stringify({ id, method, params: parameters }));
      }),
  };
}

async function openPage(
  session: Session,
  url: string,
  { width, height, dark = false }: View,
): Promise<OpenPage> {
  const requests: string[] = [];
  const complaints: string[] = [];
  session.on('Network.requestWillBeSent', ({ request }) => requests.push((request as { url: string }).url));
  for (const event of ['Log.entryAdded', 'Runtime.consoleAPICalled', 'Runtime.exceptionThrown'])
    session.on(event, (parameters) => complaints.push(JSON.stringify(parameters)));
  for (const domain of ['Network', 'Log', 'Runtime', 'Page']) await session.send(`${domain}.enable`);
  const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
  await session.send('Emulation.setDeviceMetricsOverride', metrics);
  const scheme = { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' };
  await session.send('Emulation.setEmulatedMedia', { features: [scheme] });
  const loaded = session.once('Page.loadEventFired');
  await session.send('Page.navigate', { url });
  await loaded;
  return {
    requests,
    complaints,
    evaluate: async <T>(expression: string) => {
      const answer = await session.send('Runtime.evaluate', { expression, returnByValue: true });
      const { exceptionDetails, result } = answer as {
        readonly exceptionDetails?: unknown;
        readonly result: { readonly value: T };
      };
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    },
    press: async (key) => {
      const code = { key, code: key, windowsVirtualKeyCode: key === 'Tab' ? 9 : 13 };
      await session.send('Input.dispatchKeyEvent', { type: 'keyDown', ...code });
      await session.send('Input.dispatchKeyEvent', { type: 'keyUp', ...code });
    },
  };
}
