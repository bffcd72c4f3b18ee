import { Injectable } from '@nestjs/common';

/** When the holder of a key is taken for dead. Tests shorten it. */
@Injectable()
export class IdempotencySettings {
  /** Without a word of it for so long, its process has died. */
  deadAfterS = 120;
  /** Between two words of a request that lives. */
  renewEveryMs = 40_000;
}
