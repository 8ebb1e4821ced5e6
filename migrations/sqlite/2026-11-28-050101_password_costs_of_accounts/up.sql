-- A hash is $argon2id$v=19$COST$salt$hash.
INSERT INTO password_costs (cost)
SELECT DISTINCT substr(rest, 1, instr(rest, '$') - 1)
FROM (SELECT substr(password_hash, length('$argon2id$v=19$') + 1) AS rest FROM accounts) AS hashes
WHERE instr(rest, '$') > 1;
