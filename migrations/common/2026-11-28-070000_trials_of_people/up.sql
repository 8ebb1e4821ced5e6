-- Runs unchanged on SQLite and on PostgreSQL.

-- How many trials the user has begun. The deletion of an organization does not take one back. Those from before are not
-- counted.
ALTER TABLE users ADD COLUMN trials INTEGER NOT NULL DEFAULT 0;
