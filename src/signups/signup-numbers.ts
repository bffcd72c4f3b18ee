import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { mayUse, type Principal } from '../http/principal.js';

/** The numbers through which people may come to a signup. */
@Injectable()
export class SignupNumbers {
  constructor(private readonly accounts: AccountsService) {}

  /** Those that the asking key may use. */
  async visibleTo(principal: Principal): Promise<readonly Account[]> {
    return (await this.accounts.snapshot()).filter(({ id }) => mayUse(principal, id));
  }
}
