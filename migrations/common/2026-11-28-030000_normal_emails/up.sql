-- The normal form of an account's address, where an older version stored the address in another form. Two accounts may
-- have the same one. NULL: the address is its own normal form, or is none. Keyward fills it when this migration runs.
ALTER TABLE accounts ADD COLUMN normal_email TEXT;
CREATE INDEX accounts_normal_email ON accounts (normal_email) WHERE normal_email IS NOT NULL;
