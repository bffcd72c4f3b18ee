import { AppError } from '../common/app-error.js';

/** A value that Meta is certain to refuse (its errors 131008, 132000, 132012 and 132018), found before Meta is asked. */
export class TemplateParameterError extends AppError {
  constructor(
    /** Where it stands in the request of a single send, such as `body_params.2`. */
    readonly field: string,
    /** The rule that it breaks, such as `missing`. */
    readonly reason: string,
    message: string,
  ) {
    super('validation_failed', `${field} ${message}`, {
      errors: [{ field, code: reason, message: `${field} ${message}` }],
    });
    this.name = 'TemplateParameterError';
  }
}
