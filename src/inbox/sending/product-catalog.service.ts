import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AccountsService } from '../../accounts/accounts.service.js';
import { invalidField } from '../../common/app-error.js';

/** Which catalog a product message is about. */
@Injectable()
export class ProductCatalog {
  constructor(private readonly accounts: AccountsService) {}

  /**
   * The catalog that the request names, else the account's own.
   * @throws `400 validation_failed` when there is neither
   */
  async idFor(account: Account, given: string | undefined): Promise<string> {
    if (given) {
      return given;
    }
    const { defaultCatalogId } = await this.accounts.get(account.id, null);
    if (!defaultCatalogId) {
      throw invalidField(
        'catalog_id',
        'required',
        'catalog_id is required: the account has no default_catalog_id (PATCH /accounts/{id} sets it)',
      );
    }
    return defaultCatalogId;
  }
}
