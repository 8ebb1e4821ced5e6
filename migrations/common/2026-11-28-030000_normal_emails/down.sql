DROP INDEX accounts_normal_email;
ALTER TABLE accounts DROP COLUMN normal_email;
