import { Injectable } from '@nestjs/common';
import type { ImportKind } from './import-kind.js';
import { KINDS, type KindName } from './import-report.js';
import { AccountImport } from './kinds/account-import.js';
import { BlockFlagImport } from './kinds/block-flag-import.js';
import { BlockedImport } from './kinds/blocked-import.js';
import { CampaignImport } from './kinds/campaign-import.js';
import { ContactImport } from './kinds/contact-import.js';
import { ConversationImport } from './kinds/conversation-import.js';
import { FlowImport } from './kinds/flow-import.js';
import { FlowResponseImport } from './kinds/flow-response-import.js';
import { KeyImport } from './kinds/key-import.js';
import { LabelImport } from './kinds/label-import.js';
import { MediaImport } from './kinds/media-import.js';
import { MessageImport } from './kinds/message-import.js';
import { ProductImport } from './kinds/product-import.js';
import { RecipientImport } from './kinds/recipient-import.js';
import { SignupImport } from './kinds/signup-import.js';
import { TemplateImport } from './kinds/template-import.js';

export const KIND_CLASSES = [
  AccountImport,
  LabelImport,
  KeyImport,
  TemplateImport,
  SignupImport,
  ContactImport,
  MediaImport,
  ConversationImport,
  MessageImport,
  CampaignImport,
  RecipientImport,
  ProductImport,
  BlockedImport,
  BlockFlagImport,
  FlowImport,
  FlowResponseImport,
];

/** All models on their way in, in the order in which one needs the other. */
@Injectable()
export class ImportKinds {
  private readonly byName: ReadonlyMap<KindName, ImportKind>;

  constructor(
    accounts: AccountImport,
    labels: LabelImport,
    keys: KeyImport,
    templates: TemplateImport,
    signups: SignupImport,
    contacts: ContactImport,
    media: MediaImport,
    conversations: ConversationImport,
    messages: MessageImport,
    campaigns: CampaignImport,
    recipients: RecipientImport,
    products: ProductImport,
    blocked: BlockedImport,
    blockFlags: BlockFlagImport,
    flows: FlowImport,
    responses: FlowResponseImport,
  ) {
    const kinds: ImportKind[] = [
      ...[accounts, labels, keys, templates, signups, contacts, media, conversations, messages, campaigns, recipients],
      ...[products, blocked, blockFlags, flows, responses],
    ];
    this.byName = new Map(kinds.map((kind) => [kind.name, kind]));
  }

  /** @param only those, or all */
  all(only?: readonly KindName[]): ImportKind[] {
    return KINDS.filter((name) => only === undefined || only.includes(name)).map(
      (name) => this.byName.get(name) as ImportKind,
    );
  }
}
