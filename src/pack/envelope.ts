import { sign, verify } from 'node:crypto';
import { z } from 'zod';
import type { Key } from './keys.ts';
import { parseStatement, type Statement } from './provenance.ts';

/** What a DSSE envelope of an in-toto statement says that it holds. */
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** Where the signed provenance of a tarball lies. */
export function envelopeFile(tarball: string): string {
  return `${tarball}.intoto.jsonl`;
}

/** Puts a statement into a signed DSSE envelope, version 1, on a line of its own. */
export function sealStatement(statement: Statement, key: Key): string {
  const payload = Buffer.from(JSON.stringify(statement));
  const signature = sign(key.digest, preAuthentication(payload), key.object);
  return `${JSON.stringify({
    payloadType: PAYLOAD_TYPE,
    payload: payload.toString('base64'),
    signatures: [{ keyid: key.id, sig: signature.toString('base64') }],
  })}\n`;
}

const envelope = z.object({
  payloadType: z.literal(PAYLOAD_TYPE),
  payload: z.base64(),
  signatures: z.array(z.object({ sig: z.base64() })),
});

/** The statement in an envelope; undefined unless it is one that the owner of the key signed. */
export function openEnvelope(text: string, key: Key): Statement | undefined {
  try {
    const { payload, signatures } = envelope.parse(JSON.parse(text));
    const bytes = Buffer.from(payload, 'base64');
    const signed = signatures.some(({ sig }) =>
      verify(key.digest, preAuthentication(bytes), key.object, Buffer.from(sig, 'base64')),
    );
    return signed ? parseStatement(bytes.toString()) : undefined;
  } catch {
    return undefined;
  }
}

/** What is signed: the type and the payload, each after its length, so that neither can pass for a part of the other. */
function preAuthentication(payload: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `),
    payload,
  ]);
}
