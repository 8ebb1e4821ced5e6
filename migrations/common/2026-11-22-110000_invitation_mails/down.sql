DROP INDEX invitations_mailed_token;
ALTER TABLE invitations DROP COLUMN mailed_token_hash;
