DROP TRIGGER audit_heads_no_truncate ON audit_heads;
DROP TRIGGER audit_heads_forward ON audit_heads;
DROP TRIGGER audit_events_no_truncate ON audit_events;
DROP TRIGGER audit_events_append_only ON audit_events;
DROP FUNCTION keyward_audit_heads_forward();
DROP FUNCTION keyward_audit_events_append_only();
