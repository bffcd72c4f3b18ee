import { CreateSpine1795000000000 } from '../../migrations/1795000000000-CreateSpine.js';
import { GrowInbox1795300000000 } from '../../migrations/1795300000000-GrowInbox.js';
import { ImportContacts1795300000100 } from '../../migrations/1795300000100-ImportContacts.js';
import { GrowTemplates1795600000000 } from '../../migrations/1795600000000-GrowTemplates.js';
import { GrowCampaigns1795600000100 } from '../../migrations/1795600000100-GrowCampaigns.js';
import { LeaseTemplates1795600000200 } from '../../migrations/1795600000200-LeaseTemplates.js';
import { AudiencePresets1795600000300 } from '../../migrations/1795600000300-AudiencePresets.js';
import { RateTable1795600000400 } from '../../migrations/1795600000400-RateTable.js';
import { AccountEvents1795600000500 } from '../../migrations/1795600000500-AccountEvents.js';
import { QuickenSending1795600000700 } from '../../migrations/1795600000700-QuickenSending.js';
import { CountRetries1795600000800 } from '../../migrations/1795600000800-CountRetries.js';
import { CreateCatalog1795900000000 } from '../../migrations/1795900000000-CreateCatalog.js';
import { CreateBlocking1795900000100 } from '../../migrations/1795900000100-CreateBlocking.js';
import { CreateSignups1795900000200 } from '../../migrations/1795900000200-CreateSignups.js';
import { CreateFlows1795900000300 } from '../../migrations/1795900000300-CreateFlows.js';
import { CreateAudit1796200000000 } from '../../migrations/1796200000000-CreateAudit.js';
import { GrowWebhookLog1796200000200 } from '../../migrations/1796200000200-GrowWebhookLog.js';
import { CreateWebhookEndpoints1796200000100 } from '../../migrations/1796200000100-CreateWebhookEndpoints.js';
import { CreateStatistics1796200000300 } from '../../migrations/1796200000300-CreateStatistics.js';
import { GrowKeys1796200000500 } from '../../migrations/1796200000500-GrowKeys.js';
import { NumberEvents1796200000600 } from '../../migrations/1796200000600-NumberEvents.js';
import { TrialSent1796300000000 } from '../../migrations/1796300000000-TrialSent.js';
import { ImportDjango1796200000400 } from '../../migrations/1796200000400-ImportDjango.js';
import { IndexInbox1795300000200 } from '../../migrations/1795300000200-IndexInbox.js';
import { TimeRuns1796300000100 } from '../../migrations/1796300000100-TimeRuns.js';

/** In the order they are applied. Classes, not globs: what is compiled is what runs. */
export const MIGRATIONS = [
  CreateSpine1795000000000,
  GrowInbox1795300000000,
  ImportContacts1795300000100,
  IndexInbox1795300000200,
  GrowTemplates1795600000000,
  GrowCampaigns1795600000100,
  LeaseTemplates1795600000200,
  AudiencePresets1795600000300,
  RateTable1795600000400,
  AccountEvents1795600000500,
  QuickenSending1795600000700,
  CountRetries1795600000800,
  CreateCatalog1795900000000,
  CreateBlocking1795900000100,
  CreateSignups1795900000200,
  CreateFlows1795900000300,
  CreateAudit1796200000000,
  CreateWebhookEndpoints1796200000100,
  GrowWebhookLog1796200000200,
  CreateStatistics1796200000300,
  ImportDjango1796200000400,
  GrowKeys1796200000500,
  NumberEvents1796200000600,
  TrialSent1796300000000,
  TimeRuns1796300000100,
];
