DROP TABLE access_changes;
DROP TABLE cluster_nodes;
