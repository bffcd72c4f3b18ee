/** What a number has for the data exchange of flows. */
export interface FlowKeyState {
  /** PEM, as it was uploaded. */
  publicKey: string;
  signatureStatus: 'VALID' | 'MISMATCH';
}

/** The public keys that businesses uploaded, and the copies that phones keep of them. */
export class Encryption {
  readonly keys = new Map<string, FlowKeyState>();
  /** What phones fetched, by number. Meta: they fetch it again when an endpoint answers 421. */
  readonly fetched = new Map<string, string>();
  /** The next so many uploads are done, and their answers get lost. */
  loseAnswers = 0;
}
