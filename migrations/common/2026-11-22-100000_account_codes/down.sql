DROP TABLE orphaned_refresh_tokens;
DROP TABLE oob_codes;
