ALTER TABLE api_keys DROP COLUMN comment;
ALTER TABLE api_keys DROP COLUMN reason;
