import type { FieldError } from '../common/app-error.js';

/** What a lint has found: the first rule that each field breaks. */
export class Findings {
  readonly errors: FieldError[] = [];
  private readonly fields = new Set<string>();

  /** @param forPush whether the template is to go to Meta now; a draft may be unfinished, but not wrong */
  constructor(readonly forPush: boolean) {}

  /** What Meta refuses, and what no further writing puts right. */
  wrong(field: string, rule: string, message: string): void {
    if (!this.fields.has(field)) {
      this.fields.add(field);
      this.errors.push({ field, code: rule, message: `${field} ${message}` });
    }
  }

  /** What is only missing as yet. */
  unfinished(field: string, rule: string, message: string): void {
    if (this.forPush) {
      this.wrong(field, rule, message);
    }
  }

  tooLong(field: string, value: string, max: number): void {
    if (value.length > max) {
      this.wrong(field, 'too_long', `has ${value.length} characters; ${max} are allowed`);
    }
  }
}
