import { Blocklist } from './blocklist.js';
import type { SimulatorConfig } from './config.js';
import { hash53 } from './hash.js';
import { formatted } from './phone.js';
import { SlidingSecond } from './sliding-second.js';

/** A business phone number. */
export interface BusinessNumber {
  readonly id: string;
  /** Its place in the ledger's arrays. */
  readonly index: number;
  wabaId: string;
  /** Within which user ids mean something. Numbers share one portfolio unless somebody says otherwise. */
  portfolioId: string;
  /** Whether a person or a shared token said which WABA it belongs to, rather than a guess. */
  isLinked: boolean;
  countryCode: string;
  /** Digits only, as webhooks print it. */
  digits: string;
  verifiedName: string;
  qualityRating: string;
  status: string;
  /** The code every send is refused with; 0: none. */
  refusesWith: number;
  profile: Record<string, unknown>;
  webhookConfiguration: Record<string, string>;
  readonly blocked: Blocklist;
  readonly arrivals: SlidingSecond;
  readonly accepted: SlidingSecond;
  counts: NumberCounts;
}

/** What happened on one number since the ledger was last emptied. */
export interface NumberCounts {
  accepted: number;
  refused: number;
  total: number;
  firstArrival: number;
  lastArrival: number;
}

/** A WhatsApp Business Account. */
export interface Waba {
  readonly id: string;
  name: string;
  isSubscribed: boolean;
  overrideCallbackUri: string;
}

/** What can be set on a number from outside. */
export interface NumberChanges {
  waba_id?: string;
  portfolio_id?: string;
  display_phone_number?: string;
  country_code?: string;
  verified_name?: string;
  quality_rating?: string;
  status?: string;
}

const NO_COUNTS: Readonly<NumberCounts> = { accepted: 0, refused: 0, total: 0, firstArrival: 0, lastArrival: 0 };
const ID = /^\d{5,20}$/;

/** The numbers and WABAs this double knows; with `auto_register` any plausible id becomes known on first use. */
export class Registry {
  readonly numbers = new Map<string, BusinessNumber>();
  readonly wabas = new Map<string, Waba>();
  private readonly byIndex: BusinessNumber[] = [];
  /** The WABA last used with a token: a number first used with the same token belongs to it. */
  private readonly wabaOfToken = new Map<string, string>();

  constructor(private readonly config: SimulatorConfig) {}

  get firstNumber(): BusinessNumber | undefined {
    return this.byIndex[0];
  }

  at(index: number): BusinessNumber {
    return this.byIndex[index] as BusinessNumber;
  }

  /** The number of this id; undefined when it is unknown and may not be registered. */
  number(id: string, token: string): BusinessNumber | undefined {
    const known = this.numbers.get(id);
    if (known !== undefined) {
      return known.isLinked ? known : this.linkByToken(known, token);
    }
    if (!this.config.auto_register || !ID.test(id) || this.wabas.has(id)) {
      return undefined;
    }
    return this.linkByToken(this.addNumber(id), token);
  }

  /** The WABA of this id; undefined when it is unknown and may not be registered. */
  waba(id: string, token: string): Waba | undefined {
    const known = this.wabas.get(id) ?? this.addWabaIfAllowed(id);
    if (known !== undefined && token !== '') {
      this.wabaOfToken.set(token, id);
    }
    return known;
  }

  /** Creates or changes a number by hand. */
  setNumber(id: string, changes: NumberChanges): BusinessNumber {
    const number = this.numbers.get(id) ?? this.addNumber(id);
    if (changes.waba_id !== undefined) {
      if (!this.wabas.has(changes.waba_id)) {
        this.addWaba(changes.waba_id);
      }
      number.wabaId = changes.waba_id;
      number.isLinked = true;
    }
    number.portfolioId = changes.portfolio_id ?? number.portfolioId;
    if (changes.country_code !== undefined && changes.country_code !== number.countryCode) {
      number.countryCode = changes.country_code;
      number.digits = derivedDigits(id, changes.country_code);
    }
    number.digits = changes.display_phone_number?.replace(/\D/g, '') ?? number.digits;
    number.verifiedName = changes.verified_name ?? number.verifiedName;
    number.qualityRating = changes.quality_rating ?? number.qualityRating;
    number.status = changes.status ?? number.status;
    return number;
  }

  /** Forgets what was counted; the numbers stay. */
  clearCounts(): void {
    for (const number of this.byIndex) {
      number.counts = { ...NO_COUNTS };
      number.arrivals.clear();
    }
  }

  private linkByToken(number: BusinessNumber, token: string): BusinessNumber {
    const wabaId = this.wabaOfToken.get(token);
    if (wabaId !== undefined) {
      number.wabaId = wabaId;
      number.isLinked = true;
    }
    return number;
  }

  private addWabaIfAllowed(id: string): Waba | undefined {
    return this.config.auto_register && ID.test(id) && !this.numbers.has(id) ? this.addWaba(id) : undefined;
  }

  private addWaba(id: string): Waba {
    const waba: Waba = { id, name: `Simulated business ${id}`, isSubscribed: true, overrideCallbackUri: '' };
    this.wabas.set(id, waba);
    return waba;
  }

  private addNumber(id: string): BusinessNumber {
    const countryCode = this.config.default_country_code;
    const waba = [...this.wabas.keys()][0];
    const number: BusinessNumber = {
      id,
      index: this.byIndex.length,
      wabaId: waba ?? `1${String(hash53(id)).padStart(15, '0').slice(-15)}`,
      portfolioId: '',
      isLinked: false,
      countryCode,
      digits: derivedDigits(id, countryCode),
      verifiedName: 'Simulated Business',
      qualityRating: 'GREEN',
      status: 'CONNECTED',
      refusesWith: 0,
      profile: {
        about: 'Simulated business',
        address: '',
        description: '',
        email: '',
        websites: [],
        vertical: 'OTHER',
        messaging_product: 'whatsapp',
      },
      webhookConfiguration: {},
      blocked: new Blocklist(),
      arrivals: new SlidingSecond(),
      accepted: new SlidingSecond(),
      counts: { ...NO_COUNTS },
    };
    this.numbers.set(id, number);
    this.byIndex.push(number);
    return number;
  }
}

/** `display_phone_number` with spaces and plus. */
export function displayNumber(number: BusinessNumber): string {
  return formatted(number.digits, number.countryCode);
}

/** The same id always gets the same number, so a demo account needs no set-up. */
function derivedDigits(id: string, countryCode: string): string {
  return `${countryCode}90000${String(hash53(id) % 100_000).padStart(5, '0')}`;
}
