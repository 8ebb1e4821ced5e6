DROP POLICY IF EXISTS one_organization ON accepted_invitations;
ALTER TABLE accepted_invitations NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
