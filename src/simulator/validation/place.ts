import { invalid, missing } from '../graph/graph-error.js';
import { onlyKeys, optionalTextAt, type Json } from './check.js';

/** Meta: documented as strings, examples use numbers; both are taken. */
export function checkLocation(location: Json, path: string): void {
  onlyKeys(location, path, ['latitude', 'longitude', 'name', 'address']);
  for (const [key, limit] of [
    ['latitude', 90],
    ['longitude', 180],
  ] as const) {
    const value = location[key];
    if (value === undefined || value === null || value === '') {
      throw missing(`${path}['${key}']`);
    }
    const degrees = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
    if (!(Math.abs(degrees) <= limit)) {
      throw invalid(`${path}['${key}'] must be a number between -${limit} and ${limit}`);
    }
  }
  optionalTextAt(location, 'name', `${path}['name']`, 1000);
  optionalTextAt(location, 'address', `${path}['address']`, 1000);
}
