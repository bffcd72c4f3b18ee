import { fromComponents, fromMetaButton } from './template-components.js';
import { isObject, objectsOf, text, type Json } from './template-parts.js';
import { variableNames } from './template-text.js';
import type { TemplateRecord } from './template.entity.js';

/** What `message_template_components_update` tells: the texts, and the buttons that Meta lists there. */
export interface NewTexts {
  /** Of a text header; null: it has none. */
  header: string | null;
  body: string;
  footer: string;
  buttons: Json[];
}

type Texts = Pick<TemplateRecord, 'header' | 'bodyText' | 'footerText' | 'buttons' | 'components' | 'examples'>;

/** Kinds of buttons that the event lists all of; it says nothing of the others, or (of an OTP button, listed as a URL) not always. */
const LISTED = new Set(['URL', 'PHONE_NUMBER']);

/** The texts after Meta changed them; media headers, examples that still fit and buttons of other kinds stay. */
export function componentsAfter(template: Omit<Texts, 'examples'>, news: NewTexts): Texts {
  const header = headerAfter(template.header, news.header);
  const buttons = buttonsAfter(template.buttons, news.buttons.map(fromMetaButton));
  const before = objectsOf(template.components);
  const isTextHeader = !template.header || template.header.type === 'TEXT';
  const components = [
    ...(isTextHeader && news.header !== null
      ? [withText(find(before, 'HEADER'), { type: 'HEADER', format: 'TEXT', text: news.header })]
      : []),
    ...(isTextHeader ? [] : before.filter((part) => typeOf(part) === 'HEADER')),
    withText(find(before, 'BODY'), { type: 'BODY', text: news.body }),
    ...before.filter((part) => !['HEADER', 'BODY', 'FOOTER', 'BUTTONS'].includes(typeOf(part))),
    ...(news.footer === '' ? [] : [{ ...find(before, 'FOOTER'), type: 'FOOTER', text: news.footer }]),
    ...buttonsComponent(find(before, 'BUTTONS'), news.buttons),
  ];
  const { examples } = fromComponents(components);
  return { header, bodyText: news.body, footerText: news.footer, buttons, components, examples };
}

function headerAfter(header: Texts['header'], title: string | null): Texts['header'] {
  if (header && header.type !== 'TEXT') {
    return header;
  }
  return title === null ? null : { type: 'TEXT', text: title };
}

/** Buttons take their news in order, by kind; listed ones without any are gone, what is left over is new. */
function buttonsAfter(known: readonly Json[], news: readonly Json[]): Json[] {
  const left = [...news];
  const kept = known.flatMap((button) => {
    const index = left.findIndex((each) => kindOf(each) === kindOf(button));
    const [next] = index < 0 ? [] : left.splice(index, 1);
    if (next) {
      return [withExample(button, next)];
    }
    return LISTED.has(kindOf(button)) ? [] : [button];
  });
  return [...kept, ...left];
}

function buttonsComponent(known: Json | undefined, news: readonly Json[]): Json[] {
  const buttons = buttonsAfter(objectsOf(known?.buttons), news);
  return buttons.length === 0 ? [] : [{ ...known, type: 'BUTTONS', buttons }];
}

function withExample(known: Json, next: Json): Json {
  if (typeOf(known) !== typeOf(next)) {
    // An OTP button as we submitted it, which Meta made a URL of.
    return next;
  }
  const { example, ...rest } = known;
  const fits = example !== undefined && variableNames(text(next.url)).length > 0;
  return { ...rest, ...next, ...(fits ? { example } : {}) };
}

/** Examples of other variables would be wrong ones. */
function withText(known: Json | undefined, next: Json): Json {
  const isSame = variableNames(text(known?.text)).join() === variableNames(text(next.text)).join();
  return { ...next, ...(isSame && isObject(known?.example) ? { example: known.example } : {}) };
}

function find(components: readonly Json[], type: string): Json | undefined {
  return components.find((part) => typeOf(part) === type);
}

/** What it is, whether in Meta's form or in ours. */
function kindOf(button: Json): string {
  return typeOf(fromMetaButton(button));
}

function typeOf(part: Json): string {
  return text(part.type).toUpperCase();
}
