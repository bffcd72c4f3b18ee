import { DefaultNamingStrategy } from 'typeorm';

/** `messagesPerSecond` in TypeScript is `messages_per_second` in SQL. */
export class SnakeNamingStrategy extends DefaultNamingStrategy {
  override columnName(propertyName: string, customName: string | undefined): string {
    return customName ?? propertyName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }
}
