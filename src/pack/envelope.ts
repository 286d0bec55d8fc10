import { sign, verify } from 'node:crypto';
import { z } from 'zod';
import type { Key } from './keys.ts';
import { parseProvenance, type Provenance } from './provenance.ts';

/** What a DSSE envelope of an in-toto statement says that it holds. */
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** Where the signed provenance of a tarball lies. */
export function envelopeFile(tarball: string): string {
  return `${tarball}.intoto.jsonl`;
}

/** Puts provenance into a signed DSSE envelope, version 1, on a line of its own. */
export function sealProvenance(provenance: Provenance, key: Key): string {
  const payload = Buffer.from(JSON.stringify(provenance));
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

/** The provenance in an envelope; undefined unless it is one that the owner of the key signed. */
export function openEnvelope(text: string, key: Key): Provenance | undefined {
  try {
    const { payload, signatures } = envelope.parse(JSON.parse(text));
    const bytes = Buffer.from(payload, 'base64');
    const signed = signatures.some(({ sig }) =>
      verify(key.digest, preAuthentication(bytes), key.object, Buffer.from(sig, 'base64')),
    );
    return signed ? parseProvenance(bytes.toString()) : undefined;
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
