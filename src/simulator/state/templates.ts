import { hash53 } from './hash.js';
import { SEED_TEMPLATES } from './seed-templates.js';
import { shapeOf, type Template, type TemplateShape } from './template-model.js';

/** A template with what sending it needs. */
export interface StoredTemplate {
  readonly wabaId: string;
  template: Template;
  shape: TemplateShape;
  /** Stands for "the same template" in the ledger. */
  readonly contentHash: number;
  /** When it was last edited; 0: never. */
  editedAt: number;
}

/** What a person may change from outside. */
export type TemplateChanges = Partial<Omit<Template, 'id' | 'name' | 'language'>>;

/** Ids stay below 2^53: webhooks print them as numbers. */
const ID_BASE = 1_000_000_000_000_000;
const ID_SPAN = 8_000_000_000_000_000;

/** The templates of every WABA. A WABA first heard of starts with the seeds. */
export class Templates {
  private readonly byWaba = new Map<string, Map<string, StoredTemplate>>();
  private readonly byId = new Map<string, StoredTemplate>();
  private readonly deleted = new Set<string>();
  private readonly seeds: Omit<Template, 'id'>[] = SEED_TEMPLATES.map((seed) => ({ ...seed }));

  /** All templates of a WABA in a stable order. */
  of(wabaId: string): StoredTemplate[] {
    return [...this.ofWaba(wabaId).values()];
  }

  find(wabaId: string, name: string, language: string): StoredTemplate | undefined {
    return this.ofWaba(wabaId).get(keyOf(name, language));
  }

  /** For numbers whose WABA is only a guess: the first WABA that has such a template. */
  findAnywhere(name: string, language: string): StoredTemplate | undefined {
    const key = keyOf(name, language);
    return [...this.byWaba.values()].map((templates) => templates.get(key)).find((found) => found !== undefined);
  }

  findById(id: string): StoredTemplate | undefined {
    return this.byId.get(id);
  }

  /** The WABAs that have templates here. */
  get wabaIds(): string[] {
    return [...this.byWaba.keys()];
  }

  add(wabaId: string, template: Omit<Template, 'id'>): StoredTemplate {
    return this.put(wabaId, this.ofWaba(wabaId), template);
  }

  change(stored: StoredTemplate, changes: TemplateChanges): void {
    Object.assign(stored.template, changes);
    stored.shape = shapeOf(stored.template);
  }

  /** Changes what WABAs not yet heard of will start with. */
  setSeed(template: Omit<Template, 'id'>): void {
    const index = this.seeds.findIndex(
      ({ name, language }) => name === template.name && language === template.language,
    );
    this.seeds.splice(index < 0 ? this.seeds.length : index, index < 0 ? 0 : 1, template);
  }

  seed(name: string, language: string | undefined): Omit<Template, 'id'> | undefined {
    return this.seeds.find((seed) => seed.name === name && (language === undefined || seed.language === language));
  }

  remove(stored: StoredTemplate): void {
    if (stored.template.status === 'APPROVED') {
      this.deleted.add(`${stored.wabaId}/${keyOf(stored.template.name, stored.template.language)}`);
    }
    this.byId.delete(stored.template.id);
    this.ofWaba(stored.wabaId).delete(keyOf(stored.template.name, stored.template.language));
  }

  /** Whether it was approved when it was deleted. */
  isBlocked(wabaId: string, name: string, language: string): boolean {
    return this.deleted.has(`${wabaId}/${keyOf(name, language)}`);
  }

  private ofWaba(wabaId: string): Map<string, StoredTemplate> {
    const known = this.byWaba.get(wabaId);
    if (known !== undefined) {
      return known;
    }
    const templates = new Map<string, StoredTemplate>();
    this.byWaba.set(wabaId, templates);
    for (const seed of this.seeds) {
      this.put(wabaId, templates, { ...seed });
    }
    return templates;
  }

  private put(
    wabaId: string,
    templates: Map<string, StoredTemplate>,
    definition: Omit<Template, 'id'>,
  ): StoredTemplate {
    const key = keyOf(definition.name, definition.language);
    const template: Template = { ...definition, id: this.freeId(`${wabaId}/${key}`) };
    const stored = { wabaId, template, shape: shapeOf(template), contentHash: hash53(`template/${key}`), editedAt: 0 };
    templates.set(key, stored);
    this.byId.set(template.id, stored);
    return stored;
  }

  /** The same template gets the same id after a restart, so what a client stored still fits. */
  private freeId(seed: string): string {
    let id = ID_BASE + (hash53(seed) % ID_SPAN);
    while (this.byId.has(String(id))) {
      id++;
    }
    return String(id);
  }
}

function keyOf(name: string, language: string): string {
  return `${name}|${language}`;
}
