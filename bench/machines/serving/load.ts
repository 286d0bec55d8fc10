import { sendAll, sendMeanwhile, type HttpRequest } from '../../../test/e2e/support/http.ts';
import type { Machine } from '../../../test/e2e/support/machine.ts';
import { processorTime, proportionalMemory } from '../../../test/e2e/support/process-usage.ts';
import { issueToken, passwordLogin } from '../../../test/e2e/support/site.ts';
import { QUICK, URL, type Variant } from './keystones.ts';

/** Requests of one kind during some seconds. */
export interface Load {
  readonly milliseconds: readonly number[];
  readonly failed: number;
  readonly seconds: number;
  /** Seconds of processor time of the service. */
  readonly processor: number;
}

/** A run of a variant. */
export interface Run {
  readonly name: string;
  readonly bundled: boolean;
  /** Seconds from its start to the first answer. */
  readonly start: number;
  /** Bytes, after the loads. */
  readonly memory: number;
  readonly loads: Readonly<Record<'validate' | 'issue' | 'issueQuickly', Load>>;
}

/** Requests at the same time: one for each of two processes. */
const CLIENTS = 2;
const SECONDS = 5;
/** Requests at the same time before anything is measured: one for each process of every configuration. */
const WARMING_CLIENTS = 8;
/** A round of warming that costs less per request than this part of the former one is followed by another. */
const STEADY = 0.9;
const MOST_ROUNDS = 10;

/** Starts a variant, measures it and stops it. */
export async function measure(machine: Machine, variant: Variant): Promise<Run> {
  await variant.configure();
  const start = await timeStart(machine, variant);
  try {
    // One after the other: Debian's package fails if the first are at the same time.
    const issue = (): Promise<string> => issueToken(machine, URL, variant.password);
    const token = await issue();
    const validations = [validation(token, await issue()), validation(token, await issue())] as const;
    const quick = login(variant.password, QUICK);
    await warmUp(machine, repeated(validations[0], WARMING_CLIENTS), 200);
    await warmUp(machine, repeated(quick, WARMING_CLIENTS), 201);
    const loads = {
      validate: await load(machine, validations, 200),
      issue: await load(machine, repeated(login(variant.password), CLIENTS), 201),
      issueQuickly: await load(machine, repeated(quick, CLIENTS), 201),
    };
    const processes = await machine.processes();
    const memory = processes.reduce((sum, { pid }) => sum + proportionalMemory(pid), 0);
    return { name: variant.name, bundled: variant.bundled, start, memory, loads };
  } finally {
    await variant.stop();
  }
}

/** Seconds from the start of the command to the first answer. */
async function timeStart(machine: Machine, variant: Variant): Promise<number> {
  const { answers, result } = await sendMeanwhile(
    machine,
    { method: 'GET', url: URL, recovers: true },
    async () => {
      const begun = Date.now();
      await variant.start();
      return begun;
    },
  );
  const first = answers.find(({ status }) => status === 200);
  if (first === undefined) throw new Error(`${variant.name} does not answer`);
  return (first.start + first.milliseconds - result) / 1000;
}

async function load(machine: Machine, requests: readonly HttpRequest[], status: number): Promise<Load> {
  const before = await processorSeconds(machine);
  const begun = performance.now();
  const answers = await sendAll(machine, requests, SECONDS);
  return {
    seconds: (performance.now() - begun) / 1000,
    processor: (await processorSeconds(machine)) - before,
    milliseconds: answers.map(({ milliseconds }) => milliseconds),
    failed: answers.filter((answer) => answer.status !== status).length,
  };
}

/** Of all processes that run in the machine. */
async function processorSeconds(machine: Machine): Promise<number> {
  const processes = await machine.processes();
  return processes.reduce((sum, { pid }) => sum + processorTime(pid).own, 0);
}

/** Sends requests until they get no cheaper, so that no process is still loading code. */
async function warmUp(machine: Machine, requests: readonly HttpRequest[], status: number): Promise<void> {
  let former = Infinity;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const { processor, milliseconds } = await load(machine, requests, status);
    const cost = processor / milliseconds.length;
    if (cost > former * STEADY) return;
    former = cost;
  }
}

function repeated(request: HttpRequest, times: number): HttpRequest[] {
  return Array.from({ length: times }, () => request);
}

function validation(token: string, subject: string): HttpRequest {
  const headers = { 'x-auth-token': token, 'x-subject-token': subject };
  return { method: 'GET', url: `${URL}/auth/tokens`, headers };
}

function login(password: string, name?: string): HttpRequest {
  const headers = { 'content-type': 'application/json' };
  return { method: 'POST', url: `${URL}/auth/tokens`, headers, body: passwordLogin(password, name) };
}
