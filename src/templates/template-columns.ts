/** A row of `templates t` as a TemplateRecord. */
export const COLUMNS = `t.id, t.account_id as "accountId", t.name, t.meta_template_id as "metaTemplateId", t.language, t.category,
  t.status, t.parameter_format as "parameterFormat", t.header, t.body_text as "bodyText", t.footer_text as "footerText",
  t.buttons, t.components, t.rejected_reason as "rejectedReason", t.quality_score as "qualityScore",
  t.limited_time_offer as "limitedTimeOffer", t.carousel, t.authentication, t.examples,
  t.message_send_ttl_seconds as "messageSendTtlSeconds", t.header_media_id as "headerMediaId",
  t.rejection_info as "rejectionInfo", t.previous_category as "previousCategory",
  t.correct_category as "correctCategory", t.category_changes_at as "categoryChangesAt", t.status_at as "statusAt",
  t.quality_at as "qualityAt", t.category_at as "categoryAt", t.components_at as "componentsAt",
  t.synced_at as "syncedAt", t.busy_until as "busyUntil", t.creation_asked_at as "creationAskedAt",
  t.created_at as "createdAt", t.updated_at as "updatedAt"`;
