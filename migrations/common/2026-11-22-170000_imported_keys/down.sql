DROP TABLE imported_keys;
