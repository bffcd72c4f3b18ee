const MAX_LENGTH = 200;

/**
 * A file name from outside as it may be shown: its last part, without control characters and without marks that turn the
 * direction of writing (`exe.…fdp`). It never becomes a path; null when nothing is left.
 */
export function cleanFilename(name: string | null | undefined): string | null {
  const cleaned = (name ?? '')
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '')
    .split(/[/\\]/)
    .pop()
    ?.trim()
    .replace(/^\.+/, '');
  return cleaned ? shorten(cleaned) : null;
}

/** Keeps the extension; cuts between characters. */
function shorten(name: string): string {
  const characters = [...name];
  if (characters.length <= MAX_LENGTH) {
    return name;
  }
  const extension = [...(/\.[A-Za-z0-9]{1,8}$/.exec(name)?.[0] ?? '')];
  return [...characters.slice(0, MAX_LENGTH - extension.length), ...extension].join('');
}

/**
 * `Content-Disposition` (RFC 6266): the name in ASCII for old clients, and as it is for all others.
 * @param fallback for a file without a name
 */
export function contentDisposition(kind: 'inline' | 'attachment', filename: string | null, fallback: string): string {
  const name = cleanFilename(filename) ?? fallback;
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
