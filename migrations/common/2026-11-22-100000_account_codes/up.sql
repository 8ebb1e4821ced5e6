-- Runs unchanged on SQLite and on PostgreSQL.

-- Codes that are sent by mail: each proves that its holder reads the account's mail. A newer one replaces an older one.
CREATE TABLE oob_codes (
    hash BYTEA PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CHECK (purpose IN ('PASSWORD_RESET', 'VERIFY_EMAIL')),
    expires_at TIMESTAMPTZ NOT NULL,
    UNIQUE (account_id, purpose)
);

-- Refresh tokens of deleted accounts: a hash that leads to nobody. With it a refresh can answer USER_NOT_FOUND, which
-- tells an SDK that there is nobody to sign in again as.
CREATE TABLE orphaned_refresh_tokens (
    hash BYTEA PRIMARY KEY NOT NULL,
    deleted_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX orphaned_refresh_tokens_age ON orphaned_refresh_tokens (deleted_at);
