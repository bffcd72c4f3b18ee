import { readPrice } from '../../src/catalog/price.js';

/** [as Meta formats it, Meta's currency, amount, currency] */
const TABLE: [price: string, given: string | null, amount: string | null, currency: string | null][] = [
  // As people write it
  ['$10.00', 'USD', '10.00', 'USD'],
  ['$1,234.50', 'USD', '1234.50', 'USD'],
  ['$1,234,567.89', 'USD', '1234567.89', 'USD'],
  ['10', 'USD', '10', 'USD'],
  ['99.99 USD', null, '99.99', 'USD'],
  ['USD 99.99', null, '99.99', 'USD'],
  ['29.9 USD', 'USD', '29.9', 'USD'],
  ['₹1,299.00', 'INR', '1299.00', 'INR'],
  ['₹1,299.00', null, '1299.00', 'INR'],
  ['Rs. 1,299.00', 'INR', '1299.00', 'INR'],
  // Lakhs
  ['₹1,29,999.00', 'INR', '129999.00', 'INR'],
  ['₹12,34,567', 'INR', '1234567', 'INR'],
  // Comma and point change places
  ['1.299,00 €', 'EUR', '1299.00', 'EUR'],
  ['€ 1.299,00', 'EUR', '1299.00', 'EUR'],
  ['R$ 1.234.567,89', 'BRL', '1234567.89', 'BRL'],
  ['12,99 €', 'EUR', '12.99', 'EUR'],
  // Spaces of every width, apostrophes
  ['1\u202f299,00\u00a0€', 'EUR', '1299.00', 'EUR'],
  ['1 299 Ft', 'HUF', '1299', 'HUF'],
  ['CHF 1’299.50', 'CHF', '1299.50', 'CHF'],
  ["CHF 1'299.50", 'CHF', '1299.50', 'CHF'],
  // One separator before three digits: a thousand, for no cent has three digits
  ['$1,234', 'USD', '1234', 'USD'],
  ['1.299 €', 'EUR', '1299', 'EUR'],
  ['Rp 15.000', 'IDR', '15000', 'IDR'],
  // Currencies without cents
  ['¥1,000', 'JPY', '1000', 'JPY'],
  ['￥１，０００', 'JPY', null, 'JPY'],
  ['￥１０００', 'JPY', '1000', 'JPY'],
  ['¥1,000.00', 'JPY', '1000', 'JPY'],
  ['₩12,000', 'KRW', '12000', 'KRW'],
  ['150.000 ₫', 'VND', '150000', 'VND'],
  // Currencies with thousandths: one separator before three digits may be either
  ['KWD 1.250', 'KWD', null, 'KWD'],
  ['KWD 1,250', 'KWD', null, 'KWD'],
  ['KWD 1,250.750', 'KWD', '1250.750', 'KWD'],
  ['KWD 1.25', 'KWD', '1.25', 'KWD'],
  // Arabic, Persian and Devanagari digits
  ['١٬٢٩٩٫٠٠ ج.م.', 'EGP', '1299.00', 'EGP'],
  ['‏٤٩٫٥٠ ر.س.‏', 'SAR', '49.50', 'SAR'],
  ['١٫٢٥٠ د.ك.', 'KWD', '1.250', 'KWD'],
  ['۱٬۰۰۰ IRR', null, '1000', 'IRR'],
  ['₹१,२९९.००', 'INR', '1299.00', 'INR'],
  // Nobody can tell
  ['$10.00', null, '10.00', null],
  ['1,234', null, null, null],
  ['$10.00 - $20.00', 'USD', null, 'USD'],
  ['-$10.00', 'USD', null, 'USD'],
  ['$1,23', 'USD', '1.23', 'USD'],
  ['$12,34,56', 'USD', null, 'USD'],
  ['$1.234,567', 'USD', null, 'USD'],
  ['$0,123', 'USD', null, 'USD'],
  ['$1.2345', 'USD', null, 'USD'],
  ['¥1.50', 'JPY', null, 'JPY'],
  ['€10.00', 'USD', null, null],
  ['10.00 EUR', 'USD', null, null],
  ['$999999999999.00', 'USD', null, 'USD'],
  ['free', 'USD', null, 'USD'],
  ['', 'USD', null, 'USD'],
  ['', null, null, null],
  ['10.00', 'XQQ', '10.00', null],
  ['007.50', 'USD', '7.50', 'USD'],
];

describe('the price of a product', () => {
  it.each(TABLE)('reads %j with currency %j as %j %j', (price, given, amount, currency) => {
    expect(readPrice(price, given)).toEqual({ amount, currency });
  });
});
