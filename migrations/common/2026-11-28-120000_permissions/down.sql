ALTER TABLE api_keys DROP COLUMN last_permissions;
DROP INDEX api_keys_listed;
ALTER TABLE api_keys DROP COLUMN permissions;
DROP INDEX invitation_workspaces_role;
ALTER TABLE invitation_workspaces DROP COLUMN role_id;
DROP INDEX workspace_members_role;
ALTER TABLE workspace_members DROP COLUMN role_id;
DROP TABLE roles;
