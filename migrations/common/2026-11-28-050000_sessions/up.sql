-- Runs unchanged on SQLite and on PostgreSQL.

-- Sign-ins at the built-in identity provider, each with its own refresh tokens.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    authenticated_at TIMESTAMPTZ NOT NULL,
    -- The absolute lifetime counts from here: the sign-in or, for one of an older version, the upgrade.
    lifetime_starts_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    -- SHA-256 of what all refresh tokens of the session have in common; null until a token of an older version is used.
    family_hash BYTEA UNIQUE,
    -- The client at the last use.
    user_agent TEXT,
    address TEXT,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id, id);
CREATE INDEX sessions_idle ON sessions (last_used_at);
CREATE INDEX sessions_age ON sessions (lifetime_starts_at);

-- Null for a token of a node of the version before; a later node gives it a session.
ALTER TABLE refresh_tokens ADD COLUMN session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE;
-- Set once a newer token has replaced this one.
ALTER TABLE refresh_tokens ADD COLUMN replaced_at TIMESTAMPTZ;
-- The successor is computed from the token and these random bytes, so that a retry gets the same one.
ALTER TABLE refresh_tokens ADD COLUMN successor_salt BYTEA;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
