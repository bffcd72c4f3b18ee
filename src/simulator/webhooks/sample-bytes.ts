/** A picture of one pixel, so that an inbound picture can be looked at. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const ZIP = '504b03041400000008000000';
const OLE = 'd0cf11e0a1b11ae1';
/** A page of Ogg that holds the head of one channel of Opus. */
const OPUS = `4f676753${'0002'}${'00'.repeat(20)}${'0113'}4f707573486561640101`;

/** How files of a type begin, in hexadecimal. */
const MAGIC: Record<string, string> = {
  'image/jpeg': 'ffd8ffe000104a46494600010100000100010000',
  'image/gif': '474946383961010001000000',
  'video/mp4': '000000186674797069736f6d0000020069736f6d6d703432',
  'video/3gpp': '0000001466747970336770350000000033677035',
  'audio/mp4': '00000018667479704d3441200000020069736f6d69736f32',
  'audio/mpeg': '49443304000000000000',
  'audio/aac': 'fff15080',
  'audio/amr': '2321414d520a',
  'audio/ogg': OPUS,
  'audio/opus': OPUS,
  'application/pdf': '255044462d312e340a',
  'application/zip': ZIP,
  'application/msword': OLE,
  'application/vnd.ms-excel': OLE,
  'application/vnd.ms-powerpoint': OLE,
};

/**
 * Bytes that begin as a file of this type does, the same for the same seed. Nothing can play them; a picture without a size
 * is a real one.
 *
 * @param size undefined for as few as such a file needs
 */
export function sampleBytes(mime: string, size: number | undefined, seed: number, isAnimated = false): Buffer {
  const type = mime.split(';')[0] as string;
  if (type === 'image/png' && size === undefined) {
    return PIXEL;
  }
  if (type.startsWith('text/')) {
    return sampleText(size ?? 64, seed);
  }
  const bytes = Buffer.allocUnsafe(size ?? 256);
  fill(bytes, seed);
  magicOf(type, bytes.length, isAnimated).copy(bytes);
  return bytes;
}

function magicOf(type: string, size: number, isAnimated: boolean): Buffer {
  if (type === 'image/png') {
    return PIXEL;
  }
  if (type === 'image/webp') {
    return webpHeader(size, isAnimated);
  }
  const known = MAGIC[type] ?? (type.includes('openxmlformats') ? ZIP : '');
  return Buffer.from(known, 'hex');
}

/** The extended format says in its flags whether the sticker moves. */
function webpHeader(size: number, isAnimated: boolean): Buffer {
  const header = Buffer.alloc(30);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(Math.max(0, size - 8), 4);
  header.write('WEBPVP8X', 8, 'latin1');
  header.writeUInt32LE(10, 16);
  header[20] = isAnimated ? 0x02 : 0;
  return header;
}

function sampleText(size: number, seed: number): Buffer {
  const line = `A simulated document, number ${seed}.\n`;
  return Buffer.alloc(size, line, 'latin1');
}

function fill(bytes: Buffer, seed: number): void {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  for (let index = 0; index < bytes.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
}
