import { setTimeout } from 'node:timers/promises';
import { send, type HttpAnswer, type HttpRequest } from './http.ts';
import type { Machine } from './machine.ts';
import { issueToken, passwordLogin } from './site.ts';

/** An operator's data, with checks that they are still there. */
export interface Data {
  /** The administrator's token and password, which was changed after the install. */
  readonly token: string;
  readonly password: string;
  /** Names of the created things. */
  readonly name: string;
  readonly credential: { readonly id: string; readonly blob: string };
  readonly applicationCredential: { readonly id: string; readonly secret: string };
}

/** A service in a machine. */
export interface Service {
  readonly machine: Machine;
  /** Ends in `/v3`. */
  readonly url: string;
}

const USER_PASSWORD = 'user-password';
const DOMAIN = { id: 'default' };

/** Creates one thing of each kind in Keystone, and changes the administrator's password. */
export async function makeData(service: Service, firstPassword: string, name: string): Promise<Data> {
  const first = await issueToken(service.machine, service.url, firstPassword);
  const make = async (kind: string, value: object): Promise<string> =>
    idOf(await call(service, { method: 'POST', path: `${kind}s`, token: first, body: { [kind]: value } }));
  const project = await make('project', { name });
  const user = await make('user', { name, password: USER_PASSWORD, default_project_id: project });
  const role = await make('role', { name });
  await call(service, {
    method: 'PUT',
    path: `projects/${project}/users/${user}/roles/${role}`,
    token: first,
  });
  const blob = `blob of ${name}`;
  const credential = await make('credential', { type: 'cert', blob, user_id: user });
  const applicationCredential = await makeApplicationCredential(service, name, user);
  const password = await changePassword(service, first, firstPassword);
  // Keystone revokes tokens with a precision of seconds.
  await setTimeout(1100);
  const token = await issueToken(service.machine, service.url, password);
  return { token, password, name, credential: { id: credential, blob }, applicationCredential };
}

async function makeApplicationCredential(
  service: Service,
  name: string,
  user: string,
): Promise<Data['applicationCredential']> {
  const login = await call(service, { method: 'POST', path: 'auth/tokens', body: userLogin(name) });
  const secret = `secret of ${name}`;
  const made = await call(service, {
    method: 'POST',
    path: `users/${user}/application_credentials`,
    token: login.headers?.['x-subject-token'] ?? '',
    body: { application_credential: { name, secret } },
  });
  return { id: idOf(made), secret };
}

async function changePassword(service: Service, token: string, original: string): Promise<string> {
  const shown = await call(service, { method: 'GET', path: 'auth/tokens', token });
  const { token: facts } = JSON.parse(shown.body ?? '') as { token: { user: { id: string } } };
  const password = `changed-${original}`;
  const body = { user: { original_password: original, password } };
  await call(service, { method: 'POST', path: `users/${facts.user.id}/password`, token, body });
  return password;
}

/** Missing or invalid data; empty if all are intact. */
export async function findLosses(service: Service, data: Data): Promise<string[]> {
  const { token, name, credential } = data;
  const application = { id: data.applicationCredential.id, secret: data.applicationCredential.secret };
  const applicationLogin = {
    auth: { identity: { methods: ['application_credential'], application_credential: application } },
  };
  const checks: readonly (readonly [string, Call, number])[] = [
    ['the old token', { method: 'GET', path: 'auth/tokens', token }, 200],
    ['the project', { method: 'GET', path: `projects?name=${name}`, token }, 200],
    [
      'the changed password',
      { method: 'POST', path: 'auth/tokens', text: passwordLogin(data.password) },
      201,
    ],
    ['user and role', { method: 'POST', path: 'auth/tokens', body: userLogin(name) }, 201],
    ['the application credential', { method: 'POST', path: 'auth/tokens', body: applicationLogin }, 201],
    ['the credential', { method: 'GET', path: `credentials/${credential.id}`, token }, 200],
  ];
  const losses: string[] = [];
  for (const [what, request, status] of checks) {
    const answer = await send(service.machine, requestOf(service, request));
    if (answer.status !== status) losses.push(`${what}: ${answer.status ?? ''}`);
    else if (what === 'the project' && !answer.body?.includes(`"${name}"`)) losses.push(what);
    else if (what === 'the credential' && !answer.body?.includes(credential.blob)) losses.push(what);
  }
  return losses;
}

/** The request that validates a token with itself. */
export function validation({ url }: Service, token: string): HttpRequest {
  return {
    method: 'GET',
    url: `${url}/auth/tokens`,
    headers: { 'x-auth-token': token, 'x-subject-token': token },
  };
}

function userLogin(name: string): object {
  const user = { name, domain: DOMAIN, password: USER_PASSWORD };
  const scope = { project: { name, domain: DOMAIN } };
  return { auth: { identity: { methods: ['password'], password: { user } }, scope } };
}

interface Call {
  readonly method: HttpRequest['method'];
  /** Below the service's URL. */
  readonly path: string;
  readonly token?: string;
  readonly body?: object;
  readonly text?: string;
}

/** Throws unless it succeeds. */
async function call(service: Service, request: Call): Promise<HttpAnswer> {
  const answer = await send(service.machine, requestOf(service, request));
  if ((answer.status ?? 500) < 300) return answer;
  throw new Error(`${request.method} ${request.path}: ${answer.status ?? ''} ${answer.body ?? ''}`);
}

function requestOf({ url }: Service, { method, path, token, body, text }: Call): HttpRequest {
  const content = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const tokens = token === undefined ? {} : { 'x-auth-token': token, 'x-subject-token': token };
  return {
    method,
    url: `${url}/${path}`,
    headers: { 'content-type': 'application/json', ...tokens },
    ...(content === undefined ? {} : { body: content }),
  };
}

/** The id of the created thing. */
function idOf({ body = '' }: HttpAnswer): string {
  const [made] = Object.values(JSON.parse(body) as Record<string, { readonly id: string }>);
  if (made === undefined) throw new Error(`nothing was made: ${body}`);
  return made.id;
}
