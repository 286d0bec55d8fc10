import { z } from 'zod';
import type { SigningKey, VerifyingKey } from './key.ts';

/** Bytes with the media type that says what they mean. */
export interface Payload {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Puts a payload into a DSSE envelope, version 1, with a signature by each key; one line of JSON. */
export async function sealEnvelope({ type, bytes }: Payload, keys: readonly SigningKey[]): Promise<string> {
  const signed = preAuthentication({ type, bytes });
  const signatures = await Promise.all(
    keys.map(async (key) => ({ keyid: key.id, sig: (await key.sign(signed)).toString('base64') })),
  );
  return `${JSON.stringify({ payloadType: type, payload: bytes.toString('base64'), signatures })}\n`;
}

const schema = z.object({
  payloadType: z.string(),
  payload: z.base64(),
  signatures: z.array(z.object({ sig: z.base64() })),
});

/** An envelope whose signatures are not verified. */
export interface Envelope extends Payload {
  readonly signatures: readonly Buffer[];
}

/** Parses an envelope; undefined if the text is something else. */
export function parseEnvelope(text: string): Envelope | undefined {
  try {
    const { payloadType, payload, signatures } = schema.parse(JSON.parse(text));
    return {
      type: payloadType,
      bytes: Buffer.from(payload, 'base64'),
      signatures: signatures.map(({ sig }) => Buffer.from(sig, 'base64')),
    };
  } catch {
    return undefined;
  }
}

/** Whether the owner of the key signed the envelope. */
export async function isSignedBy(envelope: Envelope, key: VerifyingKey): Promise<boolean> {
  const signed = preAuthentication(envelope);
  for (const signature of envelope.signatures) if (await key.verify(signed, signature)) return true;
  return false;
}

/**
 * The bytes to sign: type and payload, each preceded by its length, so that neither can pass for a part of the other.
 */
function preAuthentication({ type, bytes }: Payload): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${bytes.length} `), bytes]);
}
