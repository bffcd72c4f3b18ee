import { Int, OneOf, Text, Timestamp } from '../../http/fields.js';
import type { FlowEncryption } from './flow-keys.service.js';

export class FlowEncryptionDto {
  @OneOf(['VALID', 'MISMATCH', 'NOT_SET'], {
    description:
      'VALID: phones encrypt for our key. MISMATCH: Meta has another key, or its signature of ours does not fit; post again. NOT_SET: Meta has no key.',
    example: 'VALID',
  })
  signature_status: string;

  @Text({
    max: 10_000,
    nullable: true,
    description: 'Our public key (PEM). The private key is never shown.',
    example: '-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A…\n-----END PUBLIC KEY-----\n',
  })
  public_key: string | null;

  @Text({ max: 10_000, nullable: true, description: 'What Meta has (PEM); null: nothing, or not known just now.' })
  meta_public_key: string | null;

  @Int({ description: 'Older keys that still decrypt: for 24 hours after another took their place.', example: 1 })
  overlapping_keys: number;

  @Timestamp({ nullable: true, description: 'When Meta took our key.' })
  uploaded_at: string | null;

  @Timestamp({ nullable: true })
  created_at: string | null;
}

export class FlowForwardSecretDto {
  @Text({
    max: 200,
    description: 'Signs what the forward_url is asked (Standard Webhooks). Shown only now.',
    example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  })
  forward_secret: string;
}

export function toFlowEncryptionDto({ key, status, meta, overlapping }: FlowEncryption): FlowEncryptionDto {
  return {
    signature_status: status,
    public_key: key?.public_key ?? null,
    meta_public_key: meta?.publicKey ?? null,
    overlapping_keys: overlapping,
    uploaded_at: key?.uploaded_at?.toISOString() ?? null,
    created_at: key?.created_at.toISOString() ?? null,
  };
}
