-- A hash is $argon2id$v=19$COST$salt$hash.
INSERT INTO password_costs (cost)
SELECT DISTINCT split_part(password_hash, '$', 4) FROM accounts WHERE split_part(password_hash, '$', 4) <> '';
