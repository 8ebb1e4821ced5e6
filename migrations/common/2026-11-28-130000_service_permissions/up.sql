-- What a service token may do, where, and until when. A token of an earlier version verifies keys, everywhere, without an
-- end.
ALTER TABLE service_tokens ADD COLUMN permissions TEXT NOT NULL DEFAULT 'keys:verify';
-- No foreign key: a token of a deleted organization stays listed, and is good for nothing.
ALTER TABLE service_tokens ADD COLUMN organization_id TEXT;
ALTER TABLE service_tokens ADD COLUMN expires_at TIMESTAMPTZ;
-- The value before a roll, and until when it works.
ALTER TABLE service_tokens ADD COLUMN former_hash BYTEA;
ALTER TABLE service_tokens ADD COLUMN former_ends_at TIMESTAMPTZ;
CREATE UNIQUE INDEX service_tokens_former_hash ON service_tokens (former_hash);
