import type { Giver } from './audience-sources.js';
import type { Position } from './audience-source.js';

/** How far the audience of a campaign is brought in: `campaigns.audience_cursor`. */
export type AudienceProgress =
  | {
      giver: 'contacts';
      /** The last contact that was looked at … */
      after: number;
      /** … and the last one there was when the campaign began: whoever comes later is not of its audience. */
      until: number;
    }
  | ({ giver: Giver } & Position);

export function writeProgress(progress: AudienceProgress): string {
  return JSON.stringify(progress);
}

/** Reads what {@link writeProgress} wrote. */
export function readProgress(text: string): AudienceProgress {
  return JSON.parse(text) as AudienceProgress;
}
