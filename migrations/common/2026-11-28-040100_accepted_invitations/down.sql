DROP TABLE accepted_invitations;
