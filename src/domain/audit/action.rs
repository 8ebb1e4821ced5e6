//! The actions that the audit trail records, and the kinds of actors and targets.

use crate::base::sql::text_enum;

text_enum! {
    /// What was done.
    Action {
        /// Somebody made the organization, and owns it.
        OrganizationCreated = "organization.created",
        /// It has another name.
        OrganizationRenamed = "organization.renamed",
        /// It is gone, with all that was in it.
        OrganizationDeleted = "organization.deleted",
        /// Somebody is a member of the organization now.
        OrganizationMemberAdded = "organization_member.added",
        /// A member has another role.
        OrganizationMemberRoleChanged = "organization_member.role_changed",
        /// Somebody else took a member out.
        OrganizationMemberRemoved = "organization_member.removed",
        /// A member left, or deleted its account.
        OrganizationMemberLeft = "organization_member.left",
        /// Somebody was invited.
        InvitationCreated = "invitation.created",
        /// The invitation was mailed again, with another link and a later end.
        InvitationResent = "invitation.resent",
        /// It is good no more: an admin took it back, or wrote a newer one.
        InvitationWithdrawn = "invitation.withdrawn",
        /// The invited person joined.
        InvitationAccepted = "invitation.accepted",
        /// A workspace was made.
        WorkspaceCreated = "workspace.created",
        /// It has another name.
        WorkspaceRenamed = "workspace.renamed",
        /// It is gone, with its members' roles and its API keys.
        WorkspaceDeleted = "workspace.deleted",
        /// A member of the organization has a role in the workspace now.
        WorkspaceMemberAdded = "workspace_member.added",
        /// It has another role there.
        WorkspaceMemberRoleChanged = "workspace_member.role_changed",
        /// It has none there any more.
        WorkspaceMemberRemoved = "workspace_member.removed",
        /// An API key came from elsewhere.
        ApiKeyImported = "api_key.imported",
        /// An API key was made.
        ApiKeyCreated = "api_key.created",
        /// Its name, expiry or addresses are others.
        ApiKeyChanged = "api_key.changed",
        /// It has a new value.
        ApiKeyRolled = "api_key.rolled",
        /// It stopped, until it is enabled.
        ApiKeyDisabled = "api_key.disabled",
        /// It works again.
        ApiKeyEnabled = "api_key.enabled",
        /// It stopped for good.
        ApiKeyRevoked = "api_key.revoked",
        /// Its record is gone.
        ApiKeyDeleted = "api_key.deleted",
        /// Another member is the creator whose role it inherits.
        ApiKeyTransferred = "api_key.transferred",
        /// Its creator was removed: it stopped, until it is transferred.
        ApiKeyOrphaned = "api_key.orphaned",
        /// The operator or billing changed status, plan or ends.
        SubscriptionChanged = "subscription.changed",
        /// A member signed in at the built-in identity provider.
        UserSignedIn = "user.signed_in",
        /// A sign-in to a member's account was refused: a wrong password, or a disabled account.
        UserSignInFailed = "user.sign_in_failed",
        /// A member set another password, or somebody who reads the member's mail.
        UserPasswordChanged = "user.password_changed",
        /// The operator stopped a member's account.
        UserDisabled = "user.disabled",
        /// The operator let it work again.
        UserEnabled = "user.enabled",
        /// The operator ended a member's sign-ins.
        UserSignedOut = "user.signed_out",
        /// A member ended sessions of the own account, or a refresh token of one was used twice.
        UserSessionEnded = "user.session_ended",
        /// The operator counts a member's address as verified.
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
        /// Whoever runs the server, by the command line.
        Operator = "operator",
        /// The billing provider.
        Billing = "billing",
        /// A scanner that finds keys where anybody can read them.
        LeakScanner = "leak_scanner",
        /// Somebody who did not prove to be anybody.
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
    }
}
