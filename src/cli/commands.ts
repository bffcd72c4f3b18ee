import { ACCOUNT_COMMANDS } from './account-commands.js';
import { ANALYTICS_COMMANDS } from './analytics-commands.js';
import { API_KEY_COMMANDS } from './api-key-commands.js';
import { CAMPAIGN_COMMANDS } from './campaign-commands.js';
import type { Command } from './command.js';
import { CONTACT_COMMANDS } from './contact-commands.js';
import { DJANGO_COMMANDS } from './django-commands.js';
import { HEALTH_COMMANDS } from './health-command.js';
import { KEY_COMMANDS } from './key-commands.js';
import { parse, type Parsed } from './parse.js';
import { SETUP_COMMANDS } from './setup-commands.js';
import { shellCommands } from './shell-commands.js';
import { TEMPLATE_COMMANDS } from './template-commands.js';
import { WEBHOOK_COMMANDS } from './webhook-commands.js';

/** Verbs by their words, as help shows them. */
export const COMMANDS: Record<string, Command> = {
  ...HEALTH_COMMANDS,
  ...ACCOUNT_COMMANDS,
  ...API_KEY_COMMANDS,
  ...TEMPLATE_COMMANDS,
  ...CAMPAIGN_COMMANDS,
  ...CONTACT_COMMANDS,
  ...WEBHOOK_COMMANDS,
  ...ANALYTICS_COMMANDS,
  ...DJANGO_COMMANDS,
  ...KEY_COMMANDS,
  ...SETUP_COMMANDS,
  ...shellCommands(() => COMMANDS),
};

/** Finds the command in the arguments and reads its options. */
export function parseCommand(args: readonly string[]): Parsed {
  return parse(COMMANDS, args);
}
