import { refusalReason, templateReason } from '../../src/campaigns/reactions/pause-reason.js';

/** A campaign that has begun keeps its template: `PATCH` is 409. */
describe('what to do about a paused campaign', () => {
  const ofStatus = (status: string): { what_to_do?: string; auto_resume?: boolean } =>
    templateReason({ id: 1, name: 'a', language: 'en', status });
  const ofCode = (code: number): { what_to_do?: string } =>
    refusalReason('template_refused', { code, title: '', details: '' }, 1);

  it.each([
    ...['DELETED', 'PENDING_DELETION', 'DISABLED', 'PAUSED'].map((status) => [status, ofStatus(status)] as const),
    ...[132_001, 132_007, 132_016].map((code) => [code, ofCode(code)] as const),
  ])('is possible: %s', (_what, { what_to_do }) => {
    expect(what_to_do).toMatch(/start new ones with another template/);
    expect(what_to_do).not.toMatch(/choose another/i);
  });

  it('names what may still come by itself: Meta’s approval, and of a disabled template its reinstatement alone', () => {
    expect(ofStatus('PAUSED')).toMatchObject({ auto_resume: true, what_to_do: expect.stringContaining('approved') });
    expect(ofStatus('DISABLED')).toMatchObject({ auto_resume: true, what_to_do: expect.stringContaining('reinstate') });
    expect(ofStatus('DELETED')).toMatchObject({ auto_resume: false });
  });
});
