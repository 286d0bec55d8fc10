import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { removeTree } from '../../src/io/files.ts';

export interface View {
  /** Of the window, in CSS pixels. */
  readonly width: number;
  readonly height: number;
  readonly dark?: boolean;
  /** Program and arguments that run the browser in another place, such as a network. */
  readonly within?: readonly string[];
}

/** A page that is open in a real browser. */
export interface OpenPage {
  /** Value of an expression in the page. */
  readonly evaluate: <T>(expression: string) => Promise<T>;
  /** Evaluates an expression that leaves the page, and waits until the next one is loaded. */
  readonly leave: (expression: string) => Promise<void>;
  /** Presses a key without text, such as `Tab`. */
  readonly press: (key: string) => Promise<void>;
  /** Requested addresses, the page's own first. */
  readonly requests: readonly string[];
  /** The browser's complaints: console messages, blocked contents, exceptions. */
  readonly complaints: readonly string[];
}

/** Opens a file, or a URL, in Debian's headless Chromium, and closes the browser after `work`. */
export async function withPage<T>(
  place: string,
  view: View,
  work: (page: OpenPage) => Promise<T>,
): Promise<T> {
  const profile = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-browser-'));
  const parameters = [
    ...(view.within ?? []),
    'chromium-headless-shell',
    // Chromium's sandbox does not work for root, as in CI.
    '--no-sandbox',
    '--remote-debugging-pipe',
    `--user-data-dir=${profile}`,
    'about:blank',
  ];
  // The program is a script that starts the browser: ends their process group.
  const browser = spawn('env', parameters, {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const ended = once(browser, 'exit');
  try {
    const session = await Promise.race([
      attach(browser),
      ended.then(() => Promise.reject(new Error('chromium-headless-shell did not start'))),
    ]);
    return await work(
      await openPage(session, /^https?:/u.test(place) ? place : pathToFileURL(place).href, view),
    );
  } finally {
    if (browser.pid !== undefined) process.kill(-browser.pid, 'SIGKILL');
    await ended;
    await removeTree(profile);
  }
}

type Parameters = Readonly<Record<string, unknown>>;

/** A tab, through the Chrome DevTools protocol. */
interface Session {
  send(method: string, parameters?: Parameters): Promise<Parameters>;
  /** Calls `look` with the parameters of every such event. */
  on(event: string, look: (parameters: Parameters) => void): void;
  once(event: string): Promise<Parameters>;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Parameters;
  readonly result?: Parameters;
  readonly error?: { readonly message: string };
}

/** Opens a tab. Messages are JSON, each with a zero byte behind it, in the browser's files 3 and 4. */
async function attach(browser: ChildProcess): Promise<Session> {
  const [, , , input, output] = browser.stdio as unknown as [null, null, null, Writable, Readable];
  const answers = new Map<number, (message: Message) => void>();
  const listeners: { readonly event: string; readonly look: (parameters: Parameters) => void }[] = [];
  let rest = '';
  output.setEncoding('utf8').on('data', (text: string) => {
    const messages = (rest + text).split('\0');
    rest = messages.pop() ?? '';
    for (const each of messages) {
      const message = JSON.parse(each) as Message;
      if (message.id !== undefined) answers.get(message.id)?.(message);
      for (const { event, look } of listeners) if (event === message.method) look(message.params ?? {});
    }
  });
  // Its end is seen by the process's own.
  for (const stream of [input, output]) stream.on('error', () => {});
  let last = 0;
  const send = (method: string, params: Parameters, sessionId?: unknown): Promise<Parameters> =>
    new Promise((resolve, reject) => {
      const id = (last += 1);
      answers.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const on: Session['on'] = (event, look) => void listeners.push({ event, look });
  return {
    on,
    once: (event) => new Promise((resolve) => on(event, resolve)),
    send: (method, parameters = {}) => send(method, parameters, sessionId),
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
  const evaluate = async <T>(expression: string): Promise<T> => {
    const answer = await session.send('Runtime.evaluate', { expression, returnByValue: true });
    const { exceptionDetails, result } = answer as {
      readonly exceptionDetails?: unknown;
      readonly result: { readonly value: T };
    };
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  };
  return {
    requests,
    complaints,
    evaluate,
    leave: async (expression) => {
      const next = session.once('Page.loadEventFired');
      await evaluate(expression);
      await next;
    },
    press: async (key) => {
      const code = { key, code: key, windowsVirtualKeyCode: key === 'Tab' ? 9 : 13 };
      await session.send('Input.dispatchKeyEvent', { type: 'keyDown', ...code });
      await session.send('Input.dispatchKeyEvent', { type: 'keyUp', ...code });
    },
  };
}
