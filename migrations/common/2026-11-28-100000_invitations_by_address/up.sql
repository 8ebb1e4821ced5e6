-- For sign-ups that need a pending invitation to the address (identity.sign_up = "invited").
CREATE INDEX invitations_email ON invitations (email);
