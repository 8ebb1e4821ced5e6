ALTER TABLE api_keys DROP COLUMN role_limit;
DROP INDEX invitations_inviter;
ALTER TABLE invitations DROP COLUMN invited_by;
