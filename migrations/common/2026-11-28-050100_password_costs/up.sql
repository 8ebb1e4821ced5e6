-- The costs of Argon2 that accounts' password hashes may have, as the hashes name them: m=19456,t=2,p=1. Each start adds
-- its own. A refused sign-in costs as much work as the highest of them, whatever the account's own hash costs.
CREATE TABLE password_costs (
    cost TEXT PRIMARY KEY NOT NULL
);
