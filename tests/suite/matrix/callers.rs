//! Everybody who can send a request, and what each may do.

use Caller::*;

/// Who sends a request, or with what instead of a good credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    Owner,
    OrganizationAdmin,
    /// A member of the organization who was added to no workspace.
    Member,
    WorkspaceAdmin,
    Editor,
    Viewer,
    /// Has a custom role with what a viewer has.
    CustomReader,
    /// Has a custom role with what a workspace admin has.
    CustomManager,
    OtherTenantsOwner,
    AdminKey,
    /// The same key, in the header for keys.
    AdminKeyInItsHeader,
    ViewerKey,
    /// Of the one with the custom role that reads.
    CustomReadersKey,
    /// Of a workspace admin, with a list of what a viewer has.
    ListedKey,
    /// Of a workspace admin.
    ReadOnlyKey,
    OtherTenantsKey,
    /// Its organization does not pay any more.
    CanceledKey,
    RevokedKey,
    DisabledKey,
    ExpiredKey,
    OrphanedKey,
    /// A gateway's: it may verify keys.
    ServiceToken,
    /// A backend's: it may do everything.
    BackendToken,
    /// A backend's that is bound to the tenant. Of [`super::tenants`] only.
    BoundToken,
    /// The shape is right, the checksum is not.
    MistypedKey,
    Nobody,
    MalformedAuthorization,
    GarbageBearer,
    GarbageToken,
    /// The owner's token of two hours ago.
    ExpiredToken,
}

impl Caller {
    pub const ALL: [Self; 29] = [
        Owner,
        OrganizationAdmin,
        Member,
        WorkspaceAdmin,
        Editor,
        Viewer,
        CustomReader,
        CustomManager,
        OtherTenantsOwner,
        AdminKey,
        AdminKeyInItsHeader,
        ViewerKey,
        CustomReadersKey,
        ListedKey,
        ReadOnlyKey,
        OtherTenantsKey,
        CanceledKey,
        RevokedKey,
        DisabledKey,
        ExpiredKey,
        OrphanedKey,
        ServiceToken,
        BackendToken,
        MistypedKey,
        Nobody,
        MalformedAuthorization,
        GarbageBearer,
        GarbageToken,
        ExpiredToken,
    ];

    fn standing(self) -> Standing {
        match self {
            Owner => Standing::person(InOrganization::Owner, InWorkspace::Admin),
            OrganizationAdmin => Standing::person(InOrganization::Admin, InWorkspace::Admin),
            Member => Standing::person(InOrganization::Member, InWorkspace::Nothing),
            WorkspaceAdmin | CustomManager => Standing::person(InOrganization::Member, InWorkspace::Admin),
            Editor => Standing::person(InOrganization::Member, InWorkspace::Editor),
            Viewer | CustomReader => Standing::person(InOrganization::Member, InWorkspace::Viewer),
            OtherTenantsOwner => Standing::person(InOrganization::Nothing, InWorkspace::Nothing),
            AdminKey | AdminKeyInItsHeader | ViewerKey | CustomReadersKey | ListedKey | ReadOnlyKey
            | OtherTenantsKey => Standing::Program,
            ServiceToken => Standing::Service,
            BackendToken | BoundToken => Standing::Backend,
            CanceledKey => Standing::Refused(403, "subscription_inactive"),
            RevokedKey => Standing::Refused(401, "api_key_revoked"),
            DisabledKey => Standing::Refused(401, "api_key_disabled"),
            ExpiredKey => Standing::Refused(401, "api_key_expired"),
            OrphanedKey => Standing::Refused(401, "api_key_orphaned"),
            MistypedKey | GarbageBearer => Standing::Refused(401, "invalid_api_key"),
            Nobody => Standing::Refused(401, "missing_credentials"),
            MalformedAuthorization => Standing::Refused(401, "invalid_authorization_format"),
            GarbageToken => Standing::Refused(401, "invalid_id_token"),
            ExpiredToken => Standing::Refused(401, "id_token_expired"),
        }
    }
}

/// What a caller is to the organization and the workspace that the table's routes are about.
enum Standing {
    /// Stopped before any route is asked.
    Refused(u16, &'static str),
    Program,
    Service,
    Backend,
    Person {
        organization: InOrganization,
        workspace: InWorkspace,
    },
}

impl Standing {
    fn person(organization: InOrganization, workspace: InWorkspace) -> Self {
        Self::Person { organization, workspace }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum InOrganization {
    Nothing,
    Member,
    Admin,
    Owner,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum InWorkspace {
    Nothing,
    Viewer,
    Editor,
    Admin,
}

/// The least that a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody, whatever credential is sent.
    Public,
    /// Every person and every program.
    Known,
    /// Every person.
    SignedIn,
    /// Every person, and a service that may do what the route asks for.
    SignedInOrBackend,
    /// Every program.
    Program,
    /// Every program whose key may write.
    ProgramThatWrites,
    /// Every program of the workspace.
    ProgramOfWorkspace,
    /// Every program of the workspace whose key may write.
    ProgramOfWorkspaceThatWrites,
    /// Whoever holds a key, whatever state the key is in.
    KeyItself,
    /// Every service.
    Service,
    /// A service that may do what the route asks for, and nobody else.
    Backend,
    OrganizationMember,
    OrganizationAdmin,
    OrganizationOwner,
    WorkspaceViewer,
    WorkspaceEditor,
    WorkspaceAdmin,
    /// Who made the key, as long as it is in the workspace, and who manages everyone's. In the table only: it stands
    /// for the next two.
    PresentedKeyOwner,
    /// The key is the caller's own.
    OwnKey,
    /// The key is somebody else's.
    SomeonesKey,
}

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Refusal(u16, &'static str),
}

const NOT_FOUND: Outcome = Outcome::Refusal(404, "not_found");
const NOT_ALLOWED: Outcome = Outcome::Refusal(403, "insufficient_permission");
const READ_ONLY: Outcome = Outcome::Refusal(403, "read_only_key");
const NOT_ACCEPTED: Outcome = Outcome::Refusal(403, "credential_not_accepted");

/// The whole of the access rules: what a caller may not see is not there, what it may only see is forbidden.
pub fn outcome(who: Who, caller: Caller) -> Outcome {
    if who == Who::Public {
        return Outcome::Success;
    }
    let is_key = matches!(caller, CanceledKey | RevokedKey | DisabledKey | ExpiredKey | OrphanedKey);
    if who == Who::KeyItself && (is_key || matches!(caller.standing(), Standing::Program)) {
        return Outcome::Success;
    }
    let (organization, workspace) = match caller.standing() {
        Standing::Refused(status, code) => return Outcome::Refusal(status, code),
        Standing::Program if matches!(who, Who::Known | Who::Program) => return Outcome::Success,
        Standing::Program if who.is_of_programs() => return of_program(who, caller),
        Standing::Service | Standing::Backend if who == Who::Service => return Outcome::Success,
        Standing::Backend if who.takes_backends() => return Outcome::Success,
        Standing::Service if who.takes_backends() => return NOT_ALLOWED,
        Standing::Program | Standing::Service | Standing::Backend => return NOT_ACCEPTED,
        Standing::Person { organization, workspace } => (organization, workspace),
    };
    match who {
        Who::Public | Who::Known | Who::SignedIn | Who::SignedInOrBackend => Outcome::Success,
        Who::Service | Who::Backend | Who::KeyItself => NOT_ACCEPTED,
        who if who.is_of_programs() => NOT_ACCEPTED,
        Who::OrganizationMember => at_least(organization, InOrganization::Member, InOrganization::Nothing),
        Who::OrganizationAdmin => at_least(organization, InOrganization::Admin, InOrganization::Nothing),
        Who::OrganizationOwner => at_least(organization, InOrganization::Owner, InOrganization::Nothing),
        Who::WorkspaceViewer | Who::OwnKey => at_least(workspace, InWorkspace::Viewer, InWorkspace::Nothing),
        Who::WorkspaceEditor => at_least(workspace, InWorkspace::Editor, InWorkspace::Nothing),
        Who::WorkspaceAdmin => at_least(workspace, InWorkspace::Admin, InWorkspace::Nothing),
        Who::SomeonesKey if workspace == InWorkspace::Admin => Outcome::Success,
        Who::SomeonesKey => NOT_FOUND,
        _ => unreachable!("{who:?} is decided above, or stands for others"),
    }
}

impl Who {
    /// Whether services may do it whose tokens have the permission.
    pub fn takes_backends(self) -> bool {
        match self {
            Self::Backend
            | Self::SignedInOrBackend
            | Self::OrganizationMember
            | Self::OrganizationAdmin
            | Self::OrganizationOwner
            | Self::WorkspaceViewer
            | Self::WorkspaceEditor
            | Self::WorkspaceAdmin
            | Self::PresentedKeyOwner
            | Self::OwnKey
            | Self::SomeonesKey => true,
            Self::Public
            | Self::Known
            | Self::SignedIn
            | Self::Program
            | Self::ProgramThatWrites
            | Self::ProgramOfWorkspace
            | Self::ProgramOfWorkspaceThatWrites
            | Self::KeyItself
            | Self::Service => false,
        }
    }

    /// Whether it is about programs alone.
    pub fn is_of_programs(self) -> bool {
        matches!(
            self,
            Self::Program | Self::ProgramThatWrites | Self::ProgramOfWorkspace | Self::ProgramOfWorkspaceThatWrites
        )
    }
}

/// What a key may do is looked at before whether the thing is there.
fn of_program(who: Who, caller: Caller) -> Outcome {
    let writes = matches!(who, Who::ProgramThatWrites | Who::ProgramOfWorkspaceThatWrites);
    let is_of_workspace = matches!(who, Who::ProgramOfWorkspace | Who::ProgramOfWorkspaceThatWrites);
    match caller {
        Caller::ReadOnlyKey if writes => READ_ONLY,
        Caller::ViewerKey | Caller::CustomReadersKey | Caller::ListedKey if writes => NOT_ALLOWED,
        Caller::OtherTenantsKey if is_of_workspace => NOT_FOUND,
        _ => Outcome::Success,
    }
}

fn at_least<Role: Ord>(role: Role, least: Role, nothing: Role) -> Outcome {
    if role >= least {
        Outcome::Success
    } else if role == nothing {
        NOT_FOUND
    } else {
        NOT_ALLOWED
    }
}
