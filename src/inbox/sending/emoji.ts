const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** A picture, a flag, or a keycap; emojis that are younger than this Node are pictures too, by reserved code points. */
const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\ufe0f?\u20e3/u;

/** Whether it is exactly one emoji as people see it, skin tones and joined families included. */
export function isOneEmoji(text: string): boolean {
  return EMOJI.test(text) && [...graphemes.segment(text)].length === 1;
}
