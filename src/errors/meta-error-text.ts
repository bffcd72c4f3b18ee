/** A code of Meta's in our words. */
export interface MetaErrorText {
  code: number;
  title: string;
  meaning: string;
  /** Left out where the answers of our API give the same advice already (`meta/graph-advice.ts`). */
  whatToDo?: string;
}
