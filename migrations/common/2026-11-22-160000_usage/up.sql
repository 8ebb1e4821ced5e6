-- Runs unchanged on SQLite and on PostgreSQL.

-- How many requests of an API key came in an hour, by their outcome. No foreign keys: what a workspace used does not
-- shrink when a key is deleted, and a node that writes counts waits for nobody who changes or deletes what they are of.
CREATE TABLE api_key_usage (
    api_key_id TEXT NOT NULL,
    -- Whole hours since 1970, in UTC.
    hour INTEGER NOT NULL,
    organization_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    admitted BIGINT NOT NULL,
    limited BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    PRIMARY KEY (api_key_id, hour)
);
CREATE INDEX api_key_usage_workspace ON api_key_usage (workspace_id, hour);
-- For retention.
CREATE INDEX api_key_usage_age ON api_key_usage (hour);
