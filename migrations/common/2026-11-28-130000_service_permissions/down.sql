DROP INDEX service_tokens_former_hash;
ALTER TABLE service_tokens DROP COLUMN former_ends_at;
ALTER TABLE service_tokens DROP COLUMN former_hash;
ALTER TABLE service_tokens DROP COLUMN expires_at;
ALTER TABLE service_tokens DROP COLUMN organization_id;
ALTER TABLE service_tokens DROP COLUMN permissions;
