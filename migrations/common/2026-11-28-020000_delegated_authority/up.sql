-- Who made the invitation. It gives at most what this person may give when it is accepted. NULL for an invitation from
-- before this column: it gives at most the role `member`.
ALTER TABLE invitations ADD COLUMN invited_by TEXT REFERENCES users (id);
CREATE INDEX invitations_inviter ON invitations (invited_by, organization_id);

-- The most that the key inherits from its creator. A transfer that keeps the value sets it to what the key had.
ALTER TABLE api_keys ADD COLUMN role_limit TEXT
    CHECK (role_limit IN ('viewer', 'editor', 'admin', 'organization_admin'));
