-- Runs unchanged on SQLite and on PostgreSQL.

-- Why the key was disabled or revoked.
ALTER TABLE api_keys ADD COLUMN reason TEXT;
ALTER TABLE api_keys ADD COLUMN comment TEXT;
