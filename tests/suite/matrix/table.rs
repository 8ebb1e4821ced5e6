//! The table: for each route who may call it, on what, with what body, and what the answer to the allowed ones is.
//!
//! A route stands in it as often as it asks for different things, by body or by target.

use super::callers::Who::{self, *};
use super::world::Targets;
use serde_json::{Value, json};

/// What a request is about. A successful one may destroy it, so it gets a fresh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Whatever stands there: the request destroys nothing.
    Standing,
    Organization,
    Workspace,
    /// A member of organization and workspace, a viewer.
    Member,
    /// A second owner.
    Owner,
    /// An invitation of the organization that nobody accepts.
    Invitation,
    /// A custom role that nobody has.
    Role,
    /// An invitation, by another tenant, of the caller.
    InvitationOfCaller,
    Key,
    /// The caller's own, which a request destroys that succeeds.
    CallersKey,
    /// A session of the caller, which is not the one that asks.
    Session,
    /// A session of the caller, which asks.
    CallersSession,
    Article,
    /// A document that belongs to an article.
    Comment,
}

/// The body of a request.
#[derive(Clone, Copy)]
pub enum Body {
    Nothing,
    Json(fn(&Targets) -> Value),
    Form(fn(&Targets) -> Value),
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row {
    /// As the document has it: `GET /v1/me`.
    pub operation: &'static str,
    pub who: Who,
    /// The status of a success.
    pub answers: u16,
    pub target: Target,
    pub body: Body,
}

const fn row(operation: &'static str, who: Who, answers: u16) -> Row {
    Row { operation, who, answers, target: Target::Standing, body: Body::Nothing }
}

impl Row {
    const fn on(self, target: Target) -> Self {
        Self { target, ..self }
    }

    const fn json(self, body: fn(&Targets) -> Value) -> Self {
        Self { body: Body::Json(body), ..self }
    }

    const fn form(self, body: fn(&Targets) -> Value) -> Self {
        Self { body: Body::Form(body), ..self }
    }

    /// What the row stands for.
    pub fn cases(&self) -> Vec<Who> {
        if self.who == PresentedKeyOwner { vec![OwnKey, SomeonesKey] } else { vec![self.who] }
    }
}

/// The first row of an operation: its usual request.
pub fn usual(operation: &str) -> &'static Row {
    let found = ROWS.iter().find(|row| row.operation == operation);
    found.unwrap_or_else(|| panic!("{operation} is not in the table: tests/suite/matrix/table.rs"))
}

/// Routes whose success uses up a mailed code or an account, or needs a mail server or a signature over the body.
/// `identity`, `firebase`, `invitations::mails` and `billing` prove it.
pub const SUCCEED_ELSEWHERE: [&str; 12] = [
    "POST /identitytoolkit.googleapis.com/v1/accounts:update",
    "POST /identitytoolkit.googleapis.com/v1/accounts:delete",
    "POST /identitytoolkit.googleapis.com/v1/accounts:sendOobCode",
    "POST /identitytoolkit.googleapis.com/v1/accounts:resetPassword",
    "GET /__/auth/action",
    "POST /__/auth/action",
    "GET /__/auth/invitation",
    "POST /__/auth/invitation",
    "GET /__/auth/reset",
    "POST /__/auth/reset",
    "POST /v1/organizations/{organizationId}/invitations/{invitationId}/resend",
    "POST /v1/billing/stripe/webhook",
];

/// Every route. The bodies name every field that the document has, so that each is tried with wrong values.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("GET /healthz", Public, 200),
    row("GET /readyz", Public, 200),
    row("GET /.well-known/jwks.json", Public, 200),
    row("GET /.well-known/openid-configuration", Public, 200),
    row("POST /docs/token", Public, 200)
        .form(|t| json!({ "grant_type": "password", "username": t["ownersEmail"], "password": t["ownersPassword"] })),
    row("POST /identitytoolkit.googleapis.com/v1/accounts:signUp", Public, 200)
        .json(|t| json!({ "email": t["freshEmail"], "password": t["ownersPassword"], "returnSecureToken": true })),
    row("POST /identitytoolkit.googleapis.com/v1/accounts:signInWithPassword", Public, 200)
        .json(|t| json!({ "email": t["ownersEmail"], "password": t["ownersPassword"], "returnSecureToken": true })),
    row("POST /identitytoolkit.googleapis.com/v1/accounts:lookup", Public, 200)
        .json(|t| json!({ "idToken": t["ownersToken"] })),
    row("POST /identitytoolkit.googleapis.com/v1/accounts:update", Public, 400).json(|t| json!({
        "idToken": t["ownersToken"], "password": t["ownersPassword"], "displayName": "Ada",
        "photoUrl": "https://example.com/a.png", "deleteAttribute": ["DISPLAY_NAME"], "oobCode": "nobodys-code-at-all",
    })),
    row("POST /identitytoolkit.googleapis.com/v1/accounts:delete", Public, 400)
        .json(|_| json!({ "idToken": "nobodys.own.token" })),
    row("POST /identitytoolkit.googleapis.com/v1/accounts:sendOobCode", Public, 400)
        .json(|t| json!({
            "requestType": "PASSWORD_RESET", "email": t["ownersEmail"], "idToken": t["ownersToken"],
            "continueUrl": "https://app.example.com/",
        })),
    row("POST /identitytoolkit.googleapis.com/v1/accounts:resetPassword", Public, 400)
        .json(|t| json!({ "oobCode": "nobodys-code-at-all", "newPassword": t["ownersPassword"] })),
    row("GET /__/auth/action", Public, 400),
    row("POST /__/auth/action", Public, 400).form(|t| json!({
        "oobCode": "nobodys-code-at-all", "newPassword": t["ownersPassword"], "mode": "resetPassword",
        "continueUrl": "https://app.example.com/",
    })),
    row("GET /__/auth/reset", Public, 400),
    row("POST /__/auth/reset", Public, 400)
        .form(|t| json!({ "email": t["ownersEmail"], "continueUrl": "https://app.example.com/" })),
    row("GET /__/auth/invitation", Public, 400),
    row("POST /__/auth/invitation", Public, 400)
        .form(|t| json!({ "token": "nobodys-token-at-all", "password": t["ownersPassword"], "name": "Ada" })),
    row("GET /robot/v1/metadata/x509/securetoken@keyward", Public, 200),
    row("POST /securetoken.googleapis.com/v1/token", Public, 200)
        .json(|t| json!({ "grant_type": "refresh_token", "refresh_token": t["ownersRefreshToken"] })),

    row("POST /v1/billing/stripe/webhook", Public, 400).json(|_| json!({
        "id": "evt_1", "type": "customer.subscription.updated", "created": 1_700_000_000,
        "api_version": "2025-03-31.basil", "data": { "object": {}, "previous_attributes": {} },
    })),

    row("GET /v1/whoami", Known, 200),
    row("GET /v1/members", Program, 200),
    row("GET /v1/forward-auth", Program, 200),
    row("POST /v1/keys/verify", Service, 200).json(|t| json!({
        "key": t["plaintext"], "permission": "content:read", "workspaceId": t["workspaceId"], "cost": 1,
        "permissions": { "all": ["content:read"], "any": ["content:write", "keys:own"] }, "clientAddress": "127.0.0.1",
    })),

    row("POST /v1/keys/revoke-leaked", Service, 200).json(|_| json!([{
        "token": "sk_live_nobodys", "type": "keyward_api_key", "url": "https://example.com/", "source": "content",
    }])),

    row("GET /v1/me", SignedIn, 200),
    row("POST /v1/invitations/accept", SignedIn, 200)
        .on(Target::InvitationOfCaller).json(|t| json!({ "token": t["token"] })),
    row("GET /v1/organizations", SignedInOrBackend, 200),
    // People name no owner: the last row of the operation.
    row("POST /v1/organizations", Backend, 201).json(|_| json!({
        "name": "Initech",
        "owner": { "issuer": "external", "subject": "user-1", "email": "peter@example.com", "name": "Peter" },
    })),
    row("POST /v1/organizations", SignedIn, 201).json(|_| json!({ "name": "Initech" })),
    row("PUT /v1/users", Backend, 200).json(|_| json!({
        "issuer": "external", "subject": "user-1", "email": "peter@example.com", "name": "Peter",
    })),
    row("POST /v1/portal-sessions", Backend, 201).json(|t| json!({
        "userId": t["heirsId"], "workspaceId": t["workspaceId"], "permissions": ["keys:own"], "ttlSeconds": 60,
        "origins": ["https://app.example.com"],
    })),
    row("PUT /v1/organizations/{organizationId}/members/{userId}", Backend, 200)
        .on(Target::Member).json(|_| json!({ "role": "admin" })),

    row("GET /v1/organizations/{organizationId}", OrganizationMember, 200),
    row("PATCH /v1/organizations/{organizationId}", OrganizationAdmin, 200).json(|_| json!({ "name": "Acme & Sons" })),
    row("DELETE /v1/organizations/{organizationId}", OrganizationOwner, 204).on(Target::Organization),
    row("GET /v1/organizations/{organizationId}/subscription", OrganizationMember, 200),
    row("GET /v1/organizations/{organizationId}/audit-events", OrganizationAdmin, 200),
    row("GET /v1/organizations/{organizationId}/audit-events/export", OrganizationAdmin, 200),
    row("GET /v1/organizations/{organizationId}/members", OrganizationMember, 200),
    row("PATCH /v1/organizations/{organizationId}/members/{userId}", OrganizationAdmin, 200)
        .on(Target::Member).json(|_| json!({ "role": "admin" })),
    row("PATCH /v1/organizations/{organizationId}/members/{userId}", OrganizationOwner, 200)
        .on(Target::Member).json(|_| json!({ "role": "owner" })),
    row("PATCH /v1/organizations/{organizationId}/members/{userId}", OrganizationOwner, 200)
        .on(Target::Owner).json(|_| json!({ "role": "member" })),
    row("DELETE /v1/organizations/{organizationId}/members/{userId}", OrganizationAdmin, 200).on(Target::Member),
    row("DELETE /v1/organizations/{organizationId}/members/{userId}", OrganizationOwner, 200).on(Target::Owner),
    row("GET /v1/organizations/{organizationId}/invitations", OrganizationAdmin, 200),
    row("POST /v1/organizations/{organizationId}/invitations", OrganizationAdmin, 201).json(|t| json!({
        "email": t["freshEmail"], "role": "member", "workspaces": [{ "id": t["workspaceId"], "role": "editor" }],
    })),
    row("POST /v1/organizations/{organizationId}/invitations", OrganizationOwner, 201)
        .json(|t| json!({ "email": t["freshEmail"], "role": "owner" })),
    row("DELETE /v1/organizations/{organizationId}/invitations/{invitationId}", OrganizationAdmin, 204)
        .on(Target::Invitation),
    row("POST /v1/organizations/{organizationId}/invitations/{invitationId}/resend", OrganizationAdmin, 409)
        .on(Target::Invitation),
    row("GET /v1/organizations/{organizationId}/roles", OrganizationAdmin, 200),
    row("POST /v1/organizations/{organizationId}/roles", OrganizationAdmin, 201).json(|t| json!({
        "name": t["freshEmail"], "description": "Keeps the books", "permissions": ["content:read", "content:write"],
    })),
    row("GET /v1/organizations/{organizationId}/roles/{roleId}", OrganizationAdmin, 200),
    row("PATCH /v1/organizations/{organizationId}/roles/{roleId}", OrganizationAdmin, 200).on(Target::Role).json(|t| json!({
        "name": t["freshEmail"], "description": "Sees the books", "permissions": ["content:read"],
    })),
    row("DELETE /v1/organizations/{organizationId}/roles/{roleId}", OrganizationAdmin, 204).on(Target::Role),
    row("GET /v1/organizations/{organizationId}/workspaces", OrganizationMember, 200),
    row("POST /v1/organizations/{organizationId}/workspaces", OrganizationAdmin, 201)
        .json(|_| json!({ "name": "Staging" })),

    row("GET /v1/workspaces/{workspaceId}", WorkspaceViewer, 200),
    row("PATCH /v1/workspaces/{workspaceId}", WorkspaceAdmin, 200).json(|_| json!({ "name": "Live" })),
    row("DELETE /v1/workspaces/{workspaceId}", WorkspaceAdmin, 204).on(Target::Workspace),
    row("GET /v1/workspaces/{workspaceId}/members", WorkspaceViewer, 200),
    row("PUT /v1/workspaces/{workspaceId}/members/{userId}", WorkspaceAdmin, 200)
        .on(Target::Member).json(|_| json!({ "role": "editor" })),
    row("DELETE /v1/workspaces/{workspaceId}/members/{userId}", WorkspaceAdmin, 200).on(Target::Member),

    row("GET /v1/workspaces/{workspaceId}/api-keys", WorkspaceViewer, 200),
    row("POST /v1/workspaces/{workspaceId}/api-keys", WorkspaceViewer, 201).json(|_| json!({
        "name": "CI", "scope": "full", "permissions": ["content:read", "workspace:read"],
        "expiresAt": "2099-01-01T00:00:00.000Z", "allowedIps": ["203.0.113.0/24"],
    })),
    row("POST /v1/workspaces/{workspaceId}/api-keys/revoke", WorkspaceAdmin, 200).json(|t| json!({
        "createdBy": t["heirsId"], "unusedSince": "2020-01-01T00:00:00.000Z", "prefix": "sk_", "dryRun": false,
        "reason": "unused", "comment": "Old",
    })),
    row("GET /v1/workspaces/{workspaceId}/api-keys/{keyId}", PresentedKeyOwner, 200).on(Target::Key),
    row("PATCH /v1/workspaces/{workspaceId}/api-keys/{keyId}", PresentedKeyOwner, 200).on(Target::Key).json(|_| json!({
        "name": "CD", "expiresAt": "2099-01-01T00:00:00.000Z", "allowedIps": ["203.0.113.0/24"],
        "permissions": ["content:read"],
    })),
    row("DELETE /v1/workspaces/{workspaceId}/api-keys/{keyId}", PresentedKeyOwner, 204).on(Target::Key),
    row("POST /v1/workspaces/{workspaceId}/api-keys/{keyId}/roll", PresentedKeyOwner, 200)
        .on(Target::Key).json(|_| json!({ "overlapSeconds": 60 })),
    row("POST /v1/workspaces/{workspaceId}/api-keys/{keyId}/disable", PresentedKeyOwner, 200)
        .on(Target::Key)
        .json(|_| json!({ "reason": "unused", "comment": "Not for now" })),
    row("POST /v1/workspaces/{workspaceId}/api-keys/{keyId}/enable", PresentedKeyOwner, 200).on(Target::Key),
    row("POST /v1/workspaces/{workspaceId}/api-keys/{keyId}/revoke", PresentedKeyOwner, 200)
        .on(Target::Key)
        .json(|_| json!({ "reason": "leaked", "comment": "Pasted" })),
    row("POST /v1/workspaces/{workspaceId}/api-keys/{keyId}/transfer", WorkspaceAdmin, 200)
        .on(Target::Key).json(|t| json!({ "userId": t["heirsId"], "mode": "roll" })),

    row("GET /v1/workspaces/{workspaceId}/api-keys/{keyId}/usage", PresentedKeyOwner, 200).on(Target::Key),
    row("GET /v1/workspaces/{workspaceId}/usage", WorkspaceViewer, 200),

    row("GET /v1/articles", Program, 200),
    row("POST /v1/articles", ProgramThatWrites, 201).json(article),
    row("GET /v1/articles/{documentId}", ProgramOfWorkspace, 200).on(Target::Article),
    row("PUT /v1/articles/{documentId}", ProgramOfWorkspaceThatWrites, 200).on(Target::Article).json(article),
    row("PATCH /v1/articles/{documentId}", ProgramOfWorkspaceThatWrites, 200).on(Target::Article).json(article),
    row("DELETE /v1/articles/{documentId}", ProgramOfWorkspaceThatWrites, 204).on(Target::Article),
    row("GET /v1/articles/{articleId}/comments", ProgramOfWorkspace, 200),
    row("POST /v1/articles/{articleId}/comments", ProgramOfWorkspaceThatWrites, 201).json(comment),
    row("GET /v1/articles/{articleId}/comments/{documentId}", ProgramOfWorkspace, 200).on(Target::Comment),
    row("PUT /v1/articles/{articleId}/comments/{documentId}", ProgramOfWorkspaceThatWrites, 200)
        .on(Target::Comment).json(comment),
    row("PATCH /v1/articles/{articleId}/comments/{documentId}", ProgramOfWorkspaceThatWrites, 200)
        .on(Target::Comment).json(comment),
    row("DELETE /v1/articles/{articleId}/comments/{documentId}", ProgramOfWorkspaceThatWrites, 204).on(Target::Comment),

    row("GET /v1/workspaces/{workspaceId}/articles", WorkspaceViewer, 200),
    row("POST /v1/workspaces/{workspaceId}/articles", WorkspaceEditor, 201).json(article),
    row("GET /v1/workspaces/{workspaceId}/articles/{documentId}", WorkspaceViewer, 200).on(Target::Article),
    row("PUT /v1/workspaces/{workspaceId}/articles/{documentId}", WorkspaceEditor, 200)
        .on(Target::Article).json(article),
    row("PATCH /v1/workspaces/{workspaceId}/articles/{documentId}", WorkspaceEditor, 200)
        .on(Target::Article).json(article),
    row("DELETE /v1/workspaces/{workspaceId}/articles/{documentId}", WorkspaceEditor, 204).on(Target::Article),
    row("GET /v1/workspaces/{workspaceId}/articles/{articleId}/comments", WorkspaceViewer, 200),
    row("POST /v1/workspaces/{workspaceId}/articles/{articleId}/comments", WorkspaceEditor, 201).json(comment),
    row("GET /v1/workspaces/{workspaceId}/articles/{articleId}/comments/{documentId}", WorkspaceViewer, 200)
        .on(Target::Comment),
    row("PUT /v1/workspaces/{workspaceId}/articles/{articleId}/comments/{documentId}", WorkspaceEditor, 200)
        .on(Target::Comment).json(comment),
    row("PATCH /v1/workspaces/{workspaceId}/articles/{articleId}/comments/{documentId}", WorkspaceEditor, 200)
        .on(Target::Comment).json(comment),
    row("DELETE /v1/workspaces/{workspaceId}/articles/{articleId}/comments/{documentId}", WorkspaceEditor, 204)
        .on(Target::Comment),

    row("GET /v1/me/sessions", SignedIn, 200),
    row("DELETE /v1/me/sessions/{sessionId}", SignedIn, 204).on(Target::Session),
    row("POST /v1/me/sign-out", SignedIn, 204).on(Target::CallersSession),
    row("POST /v1/me/sign-out-others", SignedIn, 200),

    // The last one: most of its callers' keys are dead after it.
    row("POST /v1/whoami/revoke", KeyItself, 204).on(Target::CallersKey).json(|_| json!({ "reason": "leaked", "comment": "Pasted" })),
];

fn article(_: &Targets) -> Value {
    json!({ "article": { "title": "second thoughts", "published": false, "views": 7 } })
}

fn comment(_: &Targets) -> Value {
    json!({ "text": "well said" })
}
