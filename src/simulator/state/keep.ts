/** Puts a value into a map as its newest entry, and drops the oldest ones above `most`. */
export function keep<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) {
    map.delete(map.keys().next().value as K);
  }
}
