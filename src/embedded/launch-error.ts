/** A failure whose message is all that the person at the terminal needs: what happened, and what to do. */
export class LaunchError extends Error {}
