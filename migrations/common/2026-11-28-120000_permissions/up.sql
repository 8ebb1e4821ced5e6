-- The roles that organizations make. `permissions` is a JSON list of names.
CREATE TABLE roles (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT,
    permissions TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (organization_id, name)
);
CREATE INDEX roles_organization ON roles (organization_id, id);

-- A custom role instead of the built-in one in `role`, which then is `viewer`, for nodes of the version before.
ALTER TABLE workspace_members ADD COLUMN role_id TEXT REFERENCES roles (id);
CREATE INDEX workspace_members_role ON workspace_members (role_id);
ALTER TABLE invitation_workspaces ADD COLUMN role_id TEXT REFERENCES roles (id);
CREATE INDEX invitation_workspaces_role ON invitation_workspaces (role_id);

-- The permissions that the key has at most: a JSON list of names. NULL for all that its owner has.
ALTER TABLE api_keys ADD COLUMN permissions TEXT;
CREATE INDEX api_keys_listed ON api_keys (id) WHERE permissions IS NOT NULL;
-- What an orphaned key had last, for a transfer that keeps its value. NULL for a key that was orphaned before this column:
-- `role_limit` says it then.
ALTER TABLE api_keys ADD COLUMN last_permissions TEXT;
