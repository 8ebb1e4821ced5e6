//! The actions that the audit trail records, and the kinds of actors and targets.

use crate::base::sql::text_enum;

text_enum! {
    /// What was done.
    Action {
        /// The organization was created. The actor owns it.
        OrganizationCreated = "organization.created",
        /// The organization was renamed.
        OrganizationRenamed = "organization.renamed",
        /// The organization was deleted, with all that was in it.
        OrganizationDeleted = "organization.deleted",
        /// A person became a member of the organization.
        OrganizationMemberAdded = "organization_member.added",
        /// A member has another role.
        OrganizationMemberRoleChanged = "organization_member.role_changed",
        /// A member was removed by another person.
        OrganizationMemberRemoved = "organization_member.removed",
        /// A member left, or deleted its account.
        OrganizationMemberLeft = "organization_member.left",
        /// A person was invited.
        InvitationCreated = "invitation.created",
        /// The invitation was mailed again, with another link and a later end.
        InvitationResent = "invitation.resent",
        /// The invitation was withdrawn, replaced by a newer one, or its maker may not give it any more.
        InvitationWithdrawn = "invitation.withdrawn",
        /// The invited person joined.
        InvitationAccepted = "invitation.accepted",
        /// A custom role was made.
        RoleCreated = "role.created",
        /// The name, the description or the permissions of the role changed.
        RoleChanged = "role.changed",
        /// The role was deleted.
        RoleDeleted = "role.deleted",
        /// A workspace was made.
        WorkspaceCreated = "workspace.created",
        /// The workspace was renamed.
        WorkspaceRenamed = "workspace.renamed",
        /// The workspace was deleted, with its members' roles and its API keys.
        WorkspaceDeleted = "workspace.deleted",
        /// A member of the organization got a role in the workspace.
        WorkspaceMemberAdded = "workspace_member.added",
        /// The member's role in the workspace changed.
        WorkspaceMemberRoleChanged = "workspace_member.role_changed",
        /// The member was removed from the workspace.
        WorkspaceMemberRemoved = "workspace_member.removed",
        /// An API key was imported.
        ApiKeyImported = "api_key.imported",
        /// An API key was made.
        ApiKeyCreated = "api_key.created",
        /// The name, the expiry, the addresses or the permissions of the key changed.
        ApiKeyChanged = "api_key.changed",
        /// The key got a new value.
        ApiKeyRolled = "api_key.rolled",
        /// The key was disabled.
        ApiKeyDisabled = "api_key.disabled",
        /// The key was enabled.
        ApiKeyEnabled = "api_key.enabled",
        /// The key was revoked.
        ApiKeyRevoked = "api_key.revoked",
        /// The key's record was deleted.
        ApiKeyDeleted = "api_key.deleted",
        /// The key got another creator, whose role it inherits.
        ApiKeyTransferred = "api_key.transferred",
        /// The key's creator was removed. The key is stopped until it is transferred.
        ApiKeyOrphaned = "api_key.orphaned",
        /// A service made a portal session, by which a browser acts for the member.
        PortalSessionCreated = "portal_session.created",
        /// The operator or billing changed status, plan or ends.
        SubscriptionChanged = "subscription.changed",
        /// A member signed in at the built-in identity provider.
        UserSignedIn = "user.signed_in",
        /// A sign-in to a member's account was refused: a wrong password, or a disabled account.
        UserSignInFailed = "user.sign_in_failed",
        /// A member's password was changed, with the old one or by a mailed code.
        UserPasswordChanged = "user.password_changed",
        /// A service changed what is known of a member.
        UserChanged = "user.changed",
        /// The operator disabled a member's account.
        UserDisabled = "user.disabled",
        /// The operator enabled a member's account.
        UserEnabled = "user.enabled",
        /// The operator ended a member's sign-ins.
        UserSignedOut = "user.signed_out",
        /// A member ended sessions of the own account, or a refresh token of one was used twice.
        UserSessionEnded = "user.session_ended",
        /// The operator marked a member's address as verified.
        UserEmailVerified = "user.email_verified",
    }
}

text_enum! {
    /// What kind of actor it was.
    ActorKind {
        /// A person.
        User = "user",
        /// A program, by its API key.
        ApiKey = "api_key",
        /// A gateway or another service, by its token.
        Service = "service",
        /// The operator, by the command line.
        Operator = "operator",
        /// The billing provider.
        Billing = "billing",
        /// A scanner that finds published keys.
        LeakScanner = "leak_scanner",
        /// A client without a valid credential.
        Anonymous = "anonymous",
    }
}

text_enum! {
    /// What kind of thing it was done to.
    TargetKind {
        /// The organization itself.
        Organization = "organization",
        /// A workspace.
        Workspace = "workspace",
        /// A person.
        User = "user",
        /// An invitation.
        Invitation = "invitation",
        /// An API key.
        ApiKey = "api_key",
        /// A custom role.
        Role = "role",
    }
}
