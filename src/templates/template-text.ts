/** A text with variables, cut into its parts: plain text, and variables by name. */
export type TextPart = { text: string } | { variable: string };

const NAME = /^[A-Za-z0-9_]+$/;

/**
 * Finds `{{1}}` and `{{first_name}}` (spaces inside the braces are allowed) in one pass over the text. Braces around
 * anything else are plain text.
 */
export function partsOf(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let plainFrom = 0;
  let open = -1;
  for (let at = 0; at + 1 < text.length; at += 1) {
    if (text[at] === '{' && text[at + 1] === '{') {
      open = at;
      continue;
    }
    if (open === -1 || text[at] !== '}' || text[at + 1] !== '}') {
      continue;
    }
    const name = text.slice(open + 2, at).trim();
    if (NAME.test(name)) {
      if (open > plainFrom) {
        parts.push({ text: text.slice(plainFrom, open) });
      }
      parts.push({ variable: name });
      plainFrom = at + 2;
    }
    open = -1;
    at += 1;
  }
  if (plainFrom < text.length) {
    parts.push({ text: text.slice(plainFrom) });
  }
  return parts;
}

/** The names of the variables of a text, in order of appearance, each once. */
export function variableNames(text: string): string[] {
  return [...new Set(partsOf(text).flatMap((part) => ('variable' in part ? [part.variable] : [])))];
}

/** Puts values in the place of variables; one without a value stays as it is written. */
export function fillIn(text: string, values: Readonly<Record<string, string>>): string {
  return partsOf(text)
    .map((part) => {
      if ('text' in part) {
        return part.text;
      }
      return Object.hasOwn(values, part.variable) ? (values[part.variable] as string) : `{{${part.variable}}}`;
    })
    .join('');
}
