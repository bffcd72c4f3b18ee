/** Where a value stands in a text: lines and columns from 1. */
export interface Place {
  line: number;
  columnStart: number;
  columnEnd: number;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The place of every key and list item of a JSON text that parses, by path (`.screens[0].id`). */
export function placesOf(text: string): Map<string, Place> {
  const places = new Map<string, Place>();
  const lineStarts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)];
  const open: { path: string; isList: boolean; index: number; key: string }[] = [];
  let line = 0;
  let isKey = false;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    while (line + 1 < lineStarts.length && (lineStarts[line + 1] as number) <= index) {
      line += 1;
    }
    const start = index - (lineStarts[line] as number) + 1;
    const place = { line: line + 1, columnStart: start, columnEnd: start + token.length };
    const top = open.at(-1);
    if (token === '}' || token === ']') {
      open.pop();
      isKey = false;
    } else if (token === ',') {
      if (top) {
        top.index += 1;
        isKey = !top.isList;
      }
    } else if (token === ':') {
      isKey = false;
    } else if (isKey && top && token.startsWith('"')) {
      top.key = String(JSON.parse(token));
      places.set(`${top.path}.${top.key}`, place);
    } else {
      const path = top === undefined ? '' : top.isList ? `${top.path}[${top.index}]` : `${top.path}.${top.key}`;
      if (top?.isList) {
        places.set(path, place);
      }
      if (token === '{' || token === '[') {
        open.push({ path, isList: token === '[', index: 0, key: '' });
        isKey = token === '{';
      }
    }
  }
  return places;
}
