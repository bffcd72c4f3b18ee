/** A positive integer below 2^53 that depends on every character: two FNV-1a passes with different seeds. */
export function hash53(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
  return (high >>> 11) * 4_294_967_296 + (low >>> 0) + 1;
}

/** Mixes two integers below 2^53 into one key; never 0, which the counting set uses for "empty". */
export function mix53(left: number, right: number): number {
  const low = Math.imul((left % 4_294_967_296) ^ 0x9e3779b9, 0x85ebca6b) ^ ((right % 4_294_967_296) | 0);
  const high = Math.imul(low ^ ((left / 4_294_967_296) | 0), 0xc2b2ae35) ^ ((right / 4_294_967_296) | 0);
  const spread = Math.imul(low ^ (low >>> 15), 0x2c1b3c6d) ^ high;
  return (high >>> 11) * 4_294_967_296 + (spread >>> 0) + 1;
}
