-- Collections that were ever configured: a node that does not know one of them must not start over its documents.
CREATE TABLE collections (
    name TEXT PRIMARY KEY NOT NULL,
    -- The collection whose documents these belong to, if any.
    parent TEXT
);

-- What tenants keep. Configuration adds an index for each field to filter or sort by: see src/collections/store.rs.
CREATE TABLE documents (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    collection TEXT NOT NULL REFERENCES collections (name),
    parent_id TEXT,
    body JSONB NOT NULL,
    -- Counts the writes, for ETag and If-Match.
    version BIGINT NOT NULL,
    -- A key's or a user's id.
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (id, workspace_id),
    FOREIGN KEY (workspace_id, organization_id) REFERENCES workspaces (id, organization_id) ON DELETE CASCADE,
    -- Composite, so that a parent of another tenant is impossible.
    FOREIGN KEY (parent_id, workspace_id) REFERENCES documents (id, workspace_id) ON DELETE CASCADE
);
CREATE INDEX documents_workspace ON documents (workspace_id, collection, id);
CREATE INDEX documents_parent ON documents (parent_id, collection, id);
CREATE INDEX documents_collection ON documents (collection);
