import { z } from 'zod';
import type { SigningKey, VerifyingKey } from './key.ts';
import { parseProvenance, type Provenance } from './provenance.ts';

/** Payload type of a DSSE envelope with an in-toto statement. */
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** File with the signed provenance of a tarball. */
export function envelopeFile(tarball: string): string {
  return `${tarball}.intoto.jsonl`;
}

/** Puts provenance into a DSSE envelope, version 1, with a signature by each key; one line of JSON. */
export async function sealProvenance(provenance: Provenance, keys: readonly SigningKey[]): Promise<string> {
  const payload = Buffer.from(JSON.stringify(provenance));
  const signed = preAuthentication(payload);
  const signatures = await Promise.all(
    keys.map(async (key) => ({ keyid: key.id, sig: (await key.sign(signed)).toString('base64') })),
  );
  return `${JSON.stringify({ payloadType: PAYLOAD_TYPE, payload: payload.toString('base64'), signatures })}\n`;
}

const envelope = z.object({
  payloadType: z.literal(PAYLOAD_TYPE),
  payload: z.base64(),
  signatures: z.array(z.object({ sig: z.base64() })),
});

/** The provenance in an envelope; undefined if the text is no envelope or the key did not sign it. */
export async function openEnvelope(text: string, key: VerifyingKey): Promise<Provenance | undefined> {
  const opened = parseEnvelope(text);
  if (opened === undefined) return undefined;
  const payload = Buffer.from(opened.payload, 'base64');
  const signed = preAuthentication(payload);
  for (const { sig } of opened.signatures)
    if (await key.verify(signed, Buffer.from(sig, 'base64'))) return parseProvenance(payload.toString());
  return undefined;
}

function parseEnvelope(text: string): z.infer<typeof envelope> | undefined {
  try {
    return envelope.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * The bytes to sign: type and payload, each preceded by its length, so that neither can pass for a part of the other.
 */
function preAuthentication(payload: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `),
    payload,
  ]);
}
