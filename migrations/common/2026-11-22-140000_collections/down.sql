DROP TABLE documents;
DROP TABLE collections;
