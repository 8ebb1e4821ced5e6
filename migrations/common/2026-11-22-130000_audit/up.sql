-- Runs unchanged on SQLite and on PostgreSQL. The triggers that make it append-only are in `migrations/postgres` and
-- `migrations/sqlite`.

-- Who changed whose access, when and from where. No foreign keys: a trail outlives what it tells of.
CREATE TABLE audit_events (
    organization_id TEXT NOT NULL,
    -- Counts from 1 in each organization, without gaps: the order of lists and of the chain.
    sequence BIGINT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    workspace_id TEXT,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    actor_name TEXT,
    actor_email TEXT,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    target_name TEXT,
    -- JSON objects, as they were hashed.
    state_before TEXT,
    state_after TEXT,
    address TEXT,
    user_agent TEXT,
    request_id TEXT,
    occurred_at TIMESTAMPTZ NOT NULL,
    -- SHA-256 over the hash of the event before and this event's own content.
    hash BYTEA NOT NULL,
    PRIMARY KEY (organization_id, sequence)
);
CREATE INDEX audit_events_actor ON audit_events (organization_id, actor_id, sequence);
CREATE INDEX audit_events_action ON audit_events (organization_id, action, sequence);
CREATE INDEX audit_events_target ON audit_events (organization_id, target_id, sequence);
-- For retention.
CREATE INDEX audit_events_age ON audit_events (occurred_at, organization_id);

-- The two ends of each organization's chain. Whoever writes an event holds the row.
CREATE TABLE audit_heads (
    organization_id TEXT PRIMARY KEY NOT NULL,
    -- The last event.
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    -- The last event that retention took away: where the rest of the chain is anchored.
    pruned_sequence BIGINT NOT NULL,
    pruned_hash BYTEA NOT NULL
);
