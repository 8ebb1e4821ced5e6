-- What a repeated request is answered: JSON, without secrets. Null for keys of earlier releases.
ALTER TABLE idempotency_keys ADD COLUMN answer TEXT;
