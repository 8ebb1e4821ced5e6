-- On a new database the first migration of walls has found the table already.
DROP POLICY IF EXISTS one_organization ON service_tokens;
-- A token of all organizations is seen from each of them: a writing transaction reads its caller's token again.
CALL keyward_wall_in('service_tokens',
    'organization_id IS NULL OR organization_id = (SELECT current_setting(''keyward.organization'', true))');
