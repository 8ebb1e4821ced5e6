DROP TRIGGER audit_heads_only_forward;
DROP TRIGGER audit_heads_no_delete;
DROP TRIGGER audit_events_no_delete;
DROP TRIGGER audit_events_no_update;
