ALTER TABLE audit_events DROP COLUMN on_behalf_of;
