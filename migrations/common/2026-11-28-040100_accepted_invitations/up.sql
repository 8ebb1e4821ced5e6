-- The tokens by which people became members, so that the same person may send one again.
CREATE TABLE accepted_invitations (
    token_hash BYTEA PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX accepted_invitations_organization ON accepted_invitations (organization_id);
CREATE INDEX accepted_invitations_user ON accepted_invitations (user_id);
