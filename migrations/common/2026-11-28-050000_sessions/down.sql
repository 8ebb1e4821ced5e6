DROP INDEX refresh_tokens_session;
ALTER TABLE refresh_tokens DROP COLUMN successor_salt;
ALTER TABLE refresh_tokens DROP COLUMN replaced_at;
ALTER TABLE refresh_tokens DROP COLUMN session_id;
DROP TABLE sessions;
