/** A signup as the double keeps it. */
export interface Signup {
  readonly id: string;
  readonly waba_id: string;
  signup_message: string;
  confirmation_message: string;
  readonly privacy_policy_url: string;
  promo_code: string;
  status: 'ACTIVE' | 'DISABLED';
  display_name: string;
  website_url: string;
}

/** One call of the signups API, as it came and was answered. */
export interface SignupCall {
  method: string;
  path: string;
  body: unknown;
  /** The HTTP status; 0 when the answer, or the request before it, got lost. */
  status: number;
}

const ID_BASE = 9_876_500_000_000_000n;
const REMEMBERED_CALLS = 10_000;

/** The signups of every WABA, and which businesses have accepted the terms. */
export class Signups {
  readonly calls: SignupCall[] = [];
  private readonly byId = new Map<string, Signup>();
  private readonly accepted = new Set<string>();
  private lastId = 0n;

  all(): Signup[] {
    return [...this.byId.values()];
  }

  /** Those of a WABA, the newest first. */
  of(wabaId: string): Signup[] {
    return this.all()
      .filter((signup) => signup.waba_id === wabaId)
      .reverse();
  }

  find(id: string): Signup | undefined {
    return this.byId.get(id);
  }

  add(signup: Omit<Signup, 'id'>): Signup {
    this.lastId += 1n;
    const added: Signup = { ...signup, id: String(ID_BASE + this.lastId) };
    this.byId.set(added.id, added);
    return added;
  }

  change(signup: Signup, changes: Partial<Signup>): void {
    Object.assign(signup, changes);
  }

  /** Has the business accepted the terms? */
  hasAccepted(portfolio: string): boolean {
    return this.accepted.has(portfolio);
  }

  setAccepted(portfolio: string, isAccepted: boolean): void {
    if (isAccepted) {
      this.accepted.add(portfolio);
    } else {
      this.accepted.delete(portfolio);
    }
  }

  acceptedBy(): string[] {
    return [...this.accepted];
  }

  note(call: SignupCall): void {
    this.calls.push(call);
    if (this.calls.length > REMEMBERED_CALLS) {
      this.calls.shift();
    }
  }
}
