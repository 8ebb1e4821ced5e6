//! How authority is lost during a request, and what the request is refused with.

use super::super::callers::Who;

/// How authority is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Removed,
    RemovedFromWorkspace,
    /// From admin or owner to member.
    Demoted,
    /// From owner to admin. The holder is an owner.
    OwnerDemoted,
    /// From organization admin to member, on a workspace's route. The holder has no role of the workspace's own.
    AdminDemoted,
    DemotedInWorkspace,
    Disabled,
    SignedOut,
    KeyRevoked,
    KeyDisabled,
    KeyDeleted,
    KeyRolled,
    KeyNarrowed,
    ServiceTokenRevoked,
    ServiceTokenNarrowed,
    ServiceTokenRolled,
    SubscriptionLost,
}

use Loss::*;

/// A loss, and the refusal of a request that was underway.
pub type Refused = (Loss, u16, &'static str);

const INVALID: &str = "invalid_id_token";

/// What a program may lose.
pub const OF_PROGRAMS: &[Refused] = &[
    (KeyRevoked, 401, "api_key_revoked"),
    (KeyDisabled, 401, "api_key_disabled"),
    (KeyDeleted, 401, "invalid_api_key"),
    (KeyRolled, 401, "invalid_api_key"),
    (KeyNarrowed, 403, "ip_not_allowed"),
    (DemotedInWorkspace, 403, "insufficient_permission"),
    (RemovedFromWorkspace, 401, "api_key_orphaned"),
    (Removed, 401, "api_key_orphaned"),
    (Disabled, 401, "api_key_orphaned"),
    (SubscriptionLost, 403, "subscription_inactive"),
];

/// What a service may lose.
pub const OF_SERVICES: &[Refused] = &[
    (ServiceTokenRevoked, 401, "api_key_revoked"),
    (ServiceTokenNarrowed, 403, "insufficient_permission"),
    (ServiceTokenRolled, 401, "invalid_api_key"),
];

/// What the caller of a route may lose.
pub fn losses(who: Who) -> &'static [Refused] {
    match who {
        Who::SignedIn => &[(SignedOut, 401, INVALID), (Disabled, 401, INVALID)],
        Who::OrganizationAdmin | Who::OrganizationOwner => &[
            (Demoted, 403, "insufficient_permission"),
            (OwnerDemoted, 403, "insufficient_permission"),
            (Removed, 404, "not_found"),
            (SignedOut, 401, INVALID),
            (Disabled, 401, INVALID),
        ],
        Who::WorkspaceViewer => &[
            (RemovedFromWorkspace, 404, "not_found"),
            (AdminDemoted, 404, "not_found"),
            (Removed, 404, "not_found"),
            (SignedOut, 401, INVALID),
            (Disabled, 401, INVALID),
        ],
        Who::WorkspaceEditor | Who::WorkspaceAdmin | Who::PresentedKeyOwner => &[
            (DemotedInWorkspace, 403, "insufficient_permission"),
            (RemovedFromWorkspace, 404, "not_found"),
            (AdminDemoted, 404, "not_found"),
            (Removed, 404, "not_found"),
            (SignedOut, 401, INVALID),
            (Disabled, 401, INVALID),
        ],
        Who::ProgramThatWrites | Who::ProgramOfWorkspaceThatWrites => OF_PROGRAMS,
        // A holder may revoke a key in any state, as long as its value is known.
        Who::KeyItself => &[(KeyRolled, 401, "invalid_api_key"), (KeyDeleted, 401, "invalid_api_key")],
        Who::Service | Who::Backend => OF_SERVICES,
        who => panic!("nothing says how {who:?} is lost"),
    }
}
