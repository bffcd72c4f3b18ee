import fc from 'fast-check';
import type { PhoneNumber } from '../../src/common/phone-number.js';
import {
  dateOf,
  isOutdated,
  leftPhones,
  LONG_AGO,
  namesOf,
  newestTold,
  whoChanged,
} from '../../src/contacts/people-changes-plan.js';
import type { Candidate, Holder, Holding, Owners } from '../../src/contacts/people-changes-plan.js';
import { mergeContacts, survivorOf, type MergedContact } from '../../src/contacts/people-merge.js';
import { isSameLine } from '../../src/contacts/people-phones.js';
import { mapKey, planPeople, readingOf, readingOfFact } from '../../src/contacts/people-plan.js';
import type { KnownContact, KnownPeople, PeoplePlan } from '../../src/contacts/people-plan.js';
import { phoneIdentity, userIdentity, type PersonFact, type PersonInput } from '../../src/contacts/person.js';
import { withoutPerson } from '../../src/webhook/erased-body.js';

const SCOPE = 'portfolio';
const PROOF = { isProof: true, mayCreate: true };
const [P1, P2] = ['+919800000001', '+919800000002'] as PhoneNumber[] as [PhoneNumber, PhoneNumber];

/** A contact with these identities; the first phone is its own. */
function known(
  id: number,
  phones: string[],
  users: string[] = [],
  parents: string[] = [],
  told: Record<string, number> = {},
): [KnownContact, string[]] {
  const contact: KnownContact = {
    id,
    phone: phones[0] ?? null,
    name: '',
    optedOut: false,
    isLinked: true,
    isBlocked: false,
    identities: [
      ...users.map((value) => ({ kind: 'user_id', value, told: told[value] ?? null })),
      ...parents.map((value) => ({ kind: 'parent_user_id', value })),
    ],
  };
  const keys = [...phones.map(phoneIdentity), ...[...users, ...parents].map((value) => userIdentity(SCOPE, value))];
  return [contact, keys.map(mapKey)];
}

function peopleOf(...contacts: [KnownContact, string[]][]): KnownPeople {
  return {
    byId: new Map(contacts.map(([contact]) => [contact.id, contact])),
    byIdentity: new Map(contacts.flatMap(([contact, keys]) => keys.map((key) => [key, contact]))),
  };
}

function plan(inputs: PersonInput[], people: KnownPeople, rules = PROOF): PeoplePlan {
  return planPeople(
    inputs.map((input) => readingOf(input, SCOPE)),
    people,
    rules,
  );
}

function learn(facts: PersonFact[], people: KnownPeople): PeoplePlan {
  const readings = facts.map((fact) => readingOfFact(fact, SCOPE));
  return planPeople(readings, people, { isProof: true, mayCreate: false });
}

const idsOf = ({ ofInput }: PeoplePlan): (number | null | undefined)[] => ofInput.map((person) => person?.known?.id);

describe('a plan for people', () => {
  it('changes nothing for people who are known', () => {
    const planned = plan([{ phone: P1, userId: 'IN.1' }], peopleOf(known(1, [P1], ['IN.1'])));
    expect(idsOf(planned)).toEqual([1]);
    expect(planned).toMatchObject({ unions: [], releases: [], isOpen: false });
    expect(planned.people.flatMap(({ links }) => links)).toEqual([]);
  });

  it('unites the phone’s contact and the user id’s, if that has no phone', () => {
    const { unions, releases } = plan(
      [{ phone: P1, userId: 'IN.1' }],
      peopleOf(known(1, [P1]), known(2, [], ['IN.1'])),
    );
    expect(unions).toEqual([{ ids: [1, 2], user: userIdentity(SCOPE, 'IN.1') }]);
    expect(releases).toEqual([]);
  });

  it('takes the user id from a contact with another phone', () => {
    const planned = plan([{ phone: P1, userId: 'IN.1' }], peopleOf(known(1, [P1]), known(2, [P2], ['IN.1'])));
    expect(planned.unions).toEqual([]);
    expect(planned.releases).toEqual([{ contactId: 2, identity: userIdentity(SCOPE, 'IN.1') }]);
  });

  it('decides nothing without proof', () => {
    const planned = plan([{ phone: P1, userId: 'IN.1' }], peopleOf(known(1, [P1]), known(2, [], ['IN.1'])), {
      isProof: false,
      mayCreate: true,
    });
    expect(planned).toMatchObject({ unions: [], releases: [] });
    expect(idsOf(planned)).toEqual([1]);
  });

  it('finds the person who left a user id, and leaves the phone beside it to whoever has it now', () => {
    const left = known(2, [P2], ['IN.1', 'IN.2'], [], { 'IN.1': 0, 'IN.2': 100 });
    for (const people of [peopleOf(left), peopleOf(left, known(1, [P1]))]) {
      const planned = plan([{ phone: P1, userId: 'IN.1' }], people);
      expect(idsOf(planned)).toEqual([2]);
      expect(planned).toMatchObject({ unions: [], releases: [] });
      expect(planned.people.flatMap(({ links }) => links)).toEqual([]);
    }
    // That an older one was seen says nothing: only a change tells which was left.
    const seen = plan([{ phone: P1, userId: 'IN.1' }], peopleOf(known(2, [P2], ['IN.1', 'IN.2'])));
    expect(seen.releases).toEqual([{ contactId: 2, identity: userIdentity(SCOPE, 'IN.1') }]);
  });

  it('puts no contact into two decisions at once', () => {
    const inputs = [
      { phone: P1, userId: 'IN.1' },
      { phone: P1, userId: 'IN.2' },
    ];
    const people = peopleOf(known(1, [P1]), known(2, [], ['IN.1']), known(3, [], ['IN.2']));
    expect(plan(inputs, people).unions).toEqual([{ ids: [1, 2], user: userIdentity(SCOPE, 'IN.1') }]);
  });

  it('is open when two who are created turn out to be one', () => {
    const inputs = [
      { phone: P1, userId: 'IN.1' },
      { phone: null, userId: 'IN.2', parentUserId: 'IN.ENT.2' },
      { phone: P1, userId: 'IN.2' },
    ];
    expect(plan(inputs, peopleOf())).toMatchObject({ isOpen: true, people: [{ known: null }, { known: null }] });
  });

  it('never unites by a parent id', () => {
    const people = peopleOf(known(1, [P1]), known(2, [], [], ['IN.ENT.1']));
    const planned = plan([{ phone: P1, userId: 'IN.1', parentUserId: 'IN.ENT.1' }], people);
    expect(planned).toMatchObject({ unions: [], releases: [] });
    expect(planned.people[0]?.links).toEqual([userIdentity(SCOPE, 'IN.1')]);
  });

  it('of facts creates nobody, and takes nothing for a contact that is gone', () => {
    const people = peopleOf(known(2, [P2], ['IN.1']));
    const planned = learn(
      [
        { contactId: 9, phone: P1, userId: 'IN.1' },
        { contactId: 9, phone: P1 },
      ],
      people,
    );
    expect(idsOf(planned)).toEqual([2, undefined]);
    expect(planned.ofInput[1]).toBeNull();
    expect(planned).toMatchObject({ unions: [], releases: [] });
    expect(planned.people.flatMap(({ links }) => links)).toEqual([]);
  });

  it('of facts gives a phone only to who has none, or as another spelling of their own', () => {
    const [long, short] = ['+5511987654321', '+551187654321'] as PhoneNumber[] as [PhoneNumber, PhoneNumber];
    const people = peopleOf(known(1, [P1]), known(2, [], ['IN.2']), known(3, [long]));
    const planned = learn(
      [
        { contactId: 1, phone: P2 },
        { contactId: 2, phone: '+919800000009' as PhoneNumber },
        { contactId: 3, phone: short },
      ],
      people,
    );
    expect(planned.people.map(({ known: contact, links }) => [contact?.id, links.map(({ value }) => value)])).toEqual(
      expect.arrayContaining([
        [1, []],
        [2, ['+919800000009']],
        [3, [short]],
      ]),
    );
  });

  it('gives each identity to one person at most, and each input a person, whatever comes', () => {
    const phones = fc.constantFrom(
      '+15550001',
      '+15550002',
      '+15550003',
    ) as fc.Arbitrary<string> as fc.Arbitrary<PhoneNumber>;
    const users = fc.constantFrom('IN.1', 'IN.2', 'IN.3');
    const input = fc
      .record({
        phone: fc.option(phones),
        userId: fc.option(users),
        parentUserId: fc.option(fc.constantFrom('IN.ENT.1', 'IN.ENT.2')),
      })
      .filter(({ phone, userId, parentUserId }) => !!phone || !!userId || !!parentUserId);
    const contacts = fc
      .record({
        phones: fc.uniqueArray(phones, { maxLength: 3 }),
        users: fc.uniqueArray(users, { maxLength: 3 }),
        cut: fc.tuple(fc.nat(3), fc.nat(3)),
      })
      .map(({ phones: ps, users: us, cut: [a, b] }) =>
        [known(1, ps.slice(0, a), us.slice(0, b)), known(2, ps.slice(a), us.slice(b))].filter(
          ([, keys]) => keys.length > 0,
        ),
      );
    fc.assert(
      fc.property(fc.array(input, { minLength: 1, maxLength: 6 }), contacts, fc.boolean(), (inputs, there, isProof) => {
        const people = peopleOf(...there);
        const planned = plan(inputs, people, { isProof, mayCreate: true });
        const links = planned.people.flatMap((person) => person.links.map(mapKey));
        expect(new Set(links).size).toBe(links.length);
        expect(links.filter((key) => people.byIdentity.has(key))).toEqual([]);
        expect(planned.ofInput.every((person) => person !== null)).toBe(true);
        const decided = [
          ...planned.unions.flatMap(({ ids }) => ids),
          ...planned.releases.map(({ contactId }) => contactId),
        ];
        expect(new Set(decided).size).toBe(decided.length);
        for (const { contactId, identity } of planned.releases) {
          expect(people.byId.get(contactId)?.phone).not.toBeNull();
          expect(identity.kind).toBe('user_id');
        }
      }),
    );
  });
});

describe('one line', () => {
  it.each([
    ['+5511987654321', '+551187654321', true],
    ['+5511987654321', '+5511987654321', true],
    // A landline of eight digits, and a number that only ends alike.
    ['+5511912345678', '+551112345678', false],
    ['+5511987654321', '+5521987654321', false],
    ['+5215512345678', '+525512345678', true],
    ['+525512345678', '+525512345679', false],
    ['+919876543210', '+99876543210', false],
  ])('%s and %s: %s', (a, b, isSame) => {
    expect(isSameLine(a, b)).toBe(isSame);
    expect(isSameLine(b, a)).toBe(isSame);
  });
});

describe('two contacts that are one', () => {
  const contact = (id: number, more: Partial<MergedContact> = {}): MergedContact => ({
    id,
    phone: null,
    name: '',
    email: '',
    notes: '',
    optedOut: false,
    optedOutAt: null,
    optedOutSource: null,
    consentChangedAt: null,
    subscribedViaSignupId: null,
    subscribedAt: null,
    createdAt: new Date(id),
    ...more,
  });
  const talkedTo = (...ids: number[]): Parameters<typeof survivorOf>[2] =>
    new Map(ids.map((contactId) => [contactId, { contactId, conversationCount: 1, lastInboundAt: null }]));

  it.each<[string, MergedContact, MergedContact, number[], number]>([
    ['the one with conversations', contact(1, { phone: P1 }), contact(2), [2], 2],
    ['of two with conversations the one with a phone', contact(1), contact(2, { phone: P1 }), [1, 2], 2],
    ['of two with neither the older', contact(1), contact(2), [], 1],
    ['of two with both the older', contact(1, { phone: P1 }), contact(2, { phone: P2 }), [1, 2], 1],
  ])('leave %s', (_what, a, b, talked, expected) => {
    expect(survivorOf(a, b, talkedTo(...talked)).survivor.id).toBe(expected);
    expect(survivorOf(b, a, talkedTo(...talked)).survivor.id).toBe(expected);
  });

  it('say a note once, and were there since the first', () => {
    expect(mergeContacts(contact(2, { notes: 'x' }), contact(1, { notes: 'x', phone: P1 }))).toMatchObject({
      id: 2,
      notes: 'x',
      phone: P1,
      createdAt: new Date(1),
    });
  });

  it('have opted out since the first time, if they did so under both names', () => {
    const [early, late] = [new Date(1_000), new Date(2_000)];
    const a = contact(1, { optedOut: true, optedOutAt: late, optedOutSource: 'api', consentChangedAt: late });
    const b = contact(2, { optedOut: true, optedOutAt: early, optedOutSource: 'keyword', consentChangedAt: early });
    expect(mergeContacts(a, b)).toMatchObject({
      optedOut: true,
      optedOutAt: early,
      optedOutSource: 'keyword',
      consentChangedAt: late,
    });
  });
});

describe('a change of identity', () => {
  const at = new Date('2026-11-01T10:00:00.400Z');
  const second = new Date('2026-11-01T10:00:00Z');
  const names = namesOf({ before: { phone: P1, userId: 'IN.1' }, after: { phone: P2, userId: 'IN.2' }, at }, SCOPE);
  const nobody: Owners = { oldPhone: null, newPhone: null, oldUser: null, newUser: null, parent: null };
  const candidate = (id: number, more: Partial<Candidate> = {}): Candidate => ({
    id,
    phone: null,
    hasLeftNewUser: false,
    hasWrittenSince: false,
    ...more,
  });
  const holding = (value: string, since: Date, isTold = true): Holding => ({ value, since, isTold });
  const later = (seconds: number): Date => new Date(second.getTime() + seconds * 1_000);

  it('happened in a second', () => {
    expect(names).toMatchObject({ at: second, isOtherPhone: true });
  });

  it.each<[string, Partial<Owners>, number[], number | null]>([
    ['nobody', {}, [], null],
    [
      'who had the old user id',
      { oldUser: candidate(1, { phone: P1 }), oldPhone: candidate(1, { phone: P1 }) },
      [1],
      null,
    ],
    ['who had the old phone', { oldPhone: candidate(2, { phone: P1 }) }, [2], null],
    [
      'not who wrote from the old phone later',
      { oldPhone: candidate(2, { phone: P1, hasWrittenSince: true }) },
      [],
      null,
    ],
    [
      'not who has the old phone, when the old user id is known with another',
      { oldUser: candidate(1, { phone: P2 }), oldPhone: candidate(2, { phone: P1 }) },
      [1],
      null,
    ],
    [
      'both who had the old user id and who had the old phone, when one has no phone',
      { oldUser: candidate(1), oldPhone: candidate(2, { phone: P1 }) },
      [1, 2],
      null,
    ],
    ['who has the new phone, when nobody had the old names', { newPhone: candidate(3, { phone: P2 }) }, [3], null],
    ['who has the new user id too', { oldUser: candidate(1, { phone: P1 }), newUser: candidate(4) }, [1, 4], null],
    [
      'who had the new user id and left it',
      { oldUser: candidate(1, { phone: P1 }), newUser: candidate(4, { phone: '+1555', hasLeftNewUser: true }) },
      [1, 4],
      null,
    ],
    [
      'not who has the new user id with a phone that is neither',
      { oldUser: candidate(1, { phone: P1 }), newUser: candidate(4, { phone: '+1555' }) },
      [1],
      4,
    ],
    ['who has the parent id, and no other phone', { parent: candidate(5) }, [5], null],
    ['not who has the parent id and another phone', { parent: candidate(5, { phone: '+1555' }) }, [], null],
  ])('is of %s', (_who, owners, ids, wrongOwnerId) => {
    expect(whoChanged(names, { ...nobody, ...owners })).toEqual({ ids, wrongOwnerId });
  });

  it.each<[string, Partial<Holder>, boolean]>([
    ['nothing is known', {}, false],
    ['the old names are known', { phone: P1, users: [holding('IN.1', later(-100), false)] }, false],
    ['the new user id was seen already', { users: [holding('IN.2', later(5), false)] }, false],
    ['a later change is known', { users: [holding('IN.1', later(-1)), holding('IN.3', later(60))] }, true],
    ['an earlier change is known', { users: [holding('IN.0', later(-60)), holding('IN.1', later(-60))] }, false],
    ['another user id was seen at some time', { users: [holding('IN.9', later(60), false)] }, false],
    [
      'the phone changed later, as told elsewhere',
      { phone: '+1555', phones: [holding('+1555', later(60))], users: [holding('IN.1', later(-1))] },
      true,
    ],
  ])('is outdated or not when %s', (_what, holder, expected) => {
    expect(isOutdated(names, { phone: null, phones: [], users: [], ...holder })).toBe(expected);
  });

  it.each<[string, Partial<Holder>, boolean]>([
    ['the person has the old phone', { phone: P1, phones: [holding(P1, later(9), false)] }, false],
    ['the person has the new phone', { phone: P2, phones: [holding(P2, later(9))] }, false],
    ['the person came back to the old phone', { phone: P1, phones: [holding(P1, later(60))] }, true],
    ['the person took yet another phone', { phone: '+1555', phones: [holding('+1555', later(60))] }, true],
  ])('of phones alone is outdated or not when %s', (_what, holder, expected) => {
    const phones = namesOf({ before: { phone: P1 }, after: { phone: P2 }, at }, SCOPE);
    expect(isOutdated(phones, { phone: null, phones: [], users: [], ...holder })).toBe(expected);
  });

  it('has no old user id when that is the new one', () => {
    const same = { phone: P1, userId: 'IN.2' };
    expect(namesOf({ before: same, after: { phone: P2, userId: 'IN.2' }, at }, SCOPE)).toMatchObject({ oldUser: null });
  });

  it('dates the user ids it tells of, and leaves what another change told', () => {
    const seen = holding('IN.2', later(9), false);
    expect([dateOf(true, second, undefined), dateOf(true, second, seen)]).toEqual([second, second]);
    expect([dateOf(false, second, undefined), dateOf(false, second, seen)]).toEqual([LONG_AGO, LONG_AGO]);
    expect(dateOf(true, second, holding('IN.2', LONG_AGO))).toEqual(second);
    expect(dateOf(true, second, holding('IN.2', later(-9)))).toBeNull();
    expect(dateOf(false, second, holding('IN.1', later(-9)))).toBeNull();
  });

  it('leaves the old phone, unless the person came back to it', () => {
    const holder = (since: Date, isTold: boolean): Holder => ({
      phone: P1,
      phones: [holding(P1, since, isTold), holding(P2, second)],
      users: [],
    });
    expect(leftPhones(names, holder(later(9), false))).toEqual([P1]);
    expect(leftPhones(names, holder(later(-9), true))).toEqual([P1]);
    expect(leftPhones(names, holder(later(9), true))).toEqual([]);
  });

  it('tells which name is the newest', () => {
    expect(newestTold([holding('b', later(2)), holding('a', later(1)), holding('c', later(9), false)])).toBe('b');
    expect(newestTold([holding('c', later(9), false)])).toBeNull();
  });
});

describe('a body without a person', () => {
  const person = { waIds: new Set(['12025550171']), userIds: new Set(['US.1']) };
  const without = (value: unknown): unknown => {
    const rest = withoutPerson(Buffer.from(JSON.stringify(value)), person);
    return rest && (JSON.parse(rest.toString()) as unknown);
  };

  it('is left alone when nothing in it is theirs', () => {
    expect(
      without({ entry: [{ changes: [{ value: { messages: [{ from: '2', text: { body: '12025550171' } }] } }] }] }),
    ).toBeNull();
  });

  it.each([
    ['a phone with its plus', { from: '+12025550171' }],
    ['a number', { from: 12025550171 }],
    ['a user id', { from_user_id: 'US.1' }],
    ['a name inside', { system: { user_id: 'US.1' } }],
  ])('loses items that name them by %s', (_what, item) => {
    expect(without({ messages: [item, { from: '2' }] })).toEqual({ messages: [{ from: '2' }] });
  });

  it('is a mark when it names them outside of every list, or cannot be read', () => {
    expect(without({ value: { wa_id: '12025550171' } })).toEqual({ erased: true });
    expect(withoutPerson(Buffer.from('{"from":"12025550171"'), person)?.toString()).toBe('{"erased":true}');
  });

  it('keeps ids that are too long for a number', () => {
    const body = Buffer.from('{"list":[{"from":"12025550171"},{"id":12345678901234567890}]}');
    expect(withoutPerson(body, person)?.toString()).toBe('{"list":[{"id":"12345678901234567890"}]}');
  });
});
