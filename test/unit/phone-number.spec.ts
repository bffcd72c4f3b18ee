import { parsePhoneNumber, phoneFromWaId } from '../../src/common/phone-number.js';

describe('a phone number', () => {
  it.each([
    ['+91 98765 00001', '+919876500001'],
    ['919876500001', '+919876500001'],
    ['9876500001', '+919876500001'],
    ['09876500001', '+919876500001'],
    ['0091-98765-00001', '+919876500001'],
    ['＋９１９８７６５００００１', '+919876500001'],
    ['+65 8123 4567', '+6581234567'],
    ['+1 (202) 555-0147', '+12025550147'],
    ['12025550147', '+12025550147'],
    ['4915123456789', '+4915123456789'],
  ])('%s is %s with the default country IN', (input, expected) => {
    expect(parsePhoneNumber(input, 'IN')).toBe(expected);
  });

  it('written with + never gets a country code added', () => {
    expect(parsePhoneNumber('+6581234567', 'IN')).toBe('+6581234567');
    expect(parsePhoneNumber('+6512345678', 'IN')).toBe('+6512345678');
    expect(parsePhoneNumber('+9876500001', 'IN')).not.toBe('+919876500001');
  });

  it('without + and without a default country is read as international', () => {
    expect(parsePhoneNumber('4915123456789', null)).toBe('+4915123456789');
    expect(parsePhoneNumber('9876500001', null)).not.toBe('+919876500001');
  });

  it.each([
    '',
    ' ',
    'abc',
    '12',
    '+',
    '1-800-FLOWERS',
    '+91 98765 00001 x12',
    '9'.repeat(40),
    '+91\u00009876500001',
    "'; drop table",
  ])('cannot be read from %j', (input) => {
    expect(parsePhoneNumber(input, 'IN')).toBeNull();
  });

  it('of Meta’s wa_id is the same person', () => {
    expect(phoneFromWaId('919876500001')).toBe('+919876500001');
    expect(phoneFromWaId('IN.123')).toBeNull();
  });
});
