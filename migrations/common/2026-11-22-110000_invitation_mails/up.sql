-- Runs unchanged on SQLite and on PostgreSQL.

-- SHA-256 of the token that was mailed to the invited address. It is another one than the token answered to the admin,
-- so that it proves something of who knows it: that the person reads the address's mail.
ALTER TABLE invitations ADD COLUMN mailed_token_hash BYTEA;
CREATE UNIQUE INDEX invitations_mailed_token ON invitations (mailed_token_hash);
