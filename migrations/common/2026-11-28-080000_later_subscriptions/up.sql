-- Runs unchanged on SQLite and on PostgreSQL.

-- JSON: which of several subscriptions counts from which moment on, after the one that the row names.
ALTER TABLE subscriptions ADD COLUMN later TEXT;
