CALL keyward_wall_in('accepted_invitations');
