/**
 * A SHA-256 as Meta writes it, in our spelling: webhooks have it in base64, the media node in hex. Null for anything else:
 * what cannot be read is not compared.
 */
export function readSha256(text: string | null | undefined): string | null {
  const given = text?.trim() ?? '';
  if (/^[0-9a-f]{64}$/i.test(given)) {
    return given.toLowerCase();
  }
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(given)) {
    return Buffer.from(given, 'base64').toString('hex');
  }
  return null;
}
