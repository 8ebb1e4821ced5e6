-- The member for whom a service acted.
ALTER TABLE audit_events ADD COLUMN on_behalf_of TEXT;
