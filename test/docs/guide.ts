import { readFileSync } from 'node:fs';

/** A fenced block of a guide. */
export interface Block {
  guide: string;
  /** Of its first line in the file, to be found by. */
  line: number;
  language: string;
  /** Words after the language, such as `norun`. */
  marks: string[];
  text: string;
}

const FENCE = /^```(\w*) *(.*)$/;

/** The fenced blocks of a guide, in order. */
export function blocksOf(guide: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | null = null;
  for (const [index, line] of readFileSync(guide, 'utf8').split('\n').entries()) {
    const fence = FENCE.exec(line);
    if (open && fence) {
      blocks.push({ ...open, text: open.text.replace(/\n$/, '') });
      open = null;
    } else if (open) {
      open.text += `${line}\n`;
    } else if (fence) {
      const [, language = '', marks = ''] = fence;
      open = { guide, line: index + 2, language, marks: marks.split(' ').filter(Boolean), text: '' };
    }
  }
  if (open) {
    throw new Error(`${guide}:${open.line} is never closed`);
  }
  return blocks;
}

/** Where an answer is not what a guide shows: a key that is not there, or a value of another kind. Empty: nowhere. */
export function differences(shown: unknown, actual: unknown, path = '$'): string[] {
  if (shown === null || actual === null) {
    // What is null on one day has a value on another.
    return actual === undefined ? [`${path} is not there`] : [];
  }
  if (Array.isArray(shown)) {
    if (!Array.isArray(actual)) {
      return [`${path} is no list: ${JSON.stringify(actual)}`];
    }
    if (shown.length > 0 && actual.length === 0) {
      return [`${path} is an empty list`];
    }
    return shown.flatMap((item, index) =>
      differences(item, actual[Math.min(index, actual.length - 1)], `${path}[${index}]`),
    );
  }
  if (typeof shown === 'object') {
    if (typeof actual !== 'object' || Array.isArray(actual)) {
      return [`${path} is no object: ${JSON.stringify(actual)}`];
    }
    return Object.entries(shown as object).flatMap(([key, value]) => {
      const there = (actual as Record<string, unknown> | undefined)?.[key];
      return there === undefined ? [`${path}.${key} is not there`] : differences(value, there, `${path}.${key}`);
    });
  }
  return typeof shown === typeof actual ? [] : [`${path} is ${JSON.stringify(actual)}, not a ${typeof shown}`];
}

/** The last JSON document of what a block printed. */
export function lastJson(output: string): unknown {
  const lines = output.trimEnd().split('\n');
  for (let first = lines.length - 1; first >= 0; first -= 1) {
    for (let last = lines.length; last > first; last -= 1) {
      try {
        const value: unknown = JSON.parse(lines.slice(first, last).join('\n'));
        if (typeof value === 'object') {
          return value;
        }
      } catch {
        // It may begin above, or end above.
      }
    }
  }
  throw new Error(`it printed no JSON: ${output.slice(0, 500)}`);
}
