//! `/organizations/{organizationId}/invitations` and `/invitations/accept`

use crate::api::SignedIn;
use crate::api::State;
use crate::api::errors;
use crate::api::list_page;
use crate::api::{Idempotency, ReplayOutcome};
use crate::base::error::ApiError;
use crate::base::ids::{InvitationId, OrganizationId, UserId};
use crate::base::input::email::Email;
use crate::base::input::validation::objects;
use crate::base::policy::{OrganizationRole, can};
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::delegation::{Invitation, InvitationWithGrants, WorkspaceGrant, ensure_may_touch};
use crate::domain::invitations::InvitationToken;
use crate::domain::invitations::model::{NewInvitation, NewTokens};
use crate::domain::tenancy::User;
use crate::infra::http::{Body, ListScope, Page, PageQuery, path_parameter};
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use serde::{Deserialize, Serialize};

/// The most workspaces of one invitation.
const MAX_WORKSPACES: usize = 100;

/// An invitation.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationView {
    id: InvitationId,
    #[schema(example = "grace@example.com")]
    email: String,
    role: OrganizationRole,
    workspaces: Vec<WorkspaceGrant>,
    expires_at: Timestamp,
    created_at: Timestamp,
    /// Its maker. It gives at most what this person may give when it is accepted. Null for an invitation from a version
    /// of Keyward that recorded no makers: it gives at most the role `member`.
    #[schema(required)]
    invited_by: Option<Inviter>,
}

/// The person who made an invitation.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Inviter {
    id: UserId,
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
}

impl From<User> for Inviter {
    fn from(User { id, email, name, .. }: User) -> Self {
        Self { id, email, name }
    }
}

impl From<InvitationWithGrants> for InvitationView {
    fn from(InvitationWithGrants { invitation, grants, maker }: InvitationWithGrants) -> Self {
        let Invitation { id, email, role, expires_at, created_at, .. } = invitation;
        Self { id, email, role, workspaces: grants, expires_at, created_at, invited_by: maker.map(Into::into) }
    }
}

/// An invitation with its token: answered once, when it is made. A replay lacks it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct InvitationWithToken {
    #[serde(flatten)]
    invitation: InvitationView,
    /// What accepts the invitation. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "inv_4f9TzqKb2LwYx7RmVc1HsDgNpE0aJuQX3o5iB8kZ6yW")]
    token: Option<String>,
    /// Whether a mail with a link is on its way to the address. Without one, hand the token over.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailed: Option<bool>,
}

/// Whom to invite, and as what.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com", "role": "member" }))]
pub struct InvitationInput {
    email: Email,
    role: OrganizationRole,
    #[serde(default, deserialize_with = "objects")]
    #[schema(max_items = 100)]
    workspaces: Vec<WorkspaceGrant>,
}

/// List invitations
///
/// The pending invitations.
#[utoipa::path(tag = "Invitations", security(("person" = []), ("serviceToken" = ["members:read"])), params(PageQuery),
    responses(errors::Person, errors::Missing, (status = 200, description = "A page.", body = Page<InvitationView>)))]
#[get("/organizations/{organizationId}/invitations")]
pub async fn list_invitations(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationManage>,
    page: PageQuery,
) -> Result<web::Json<Page<InvitationView>>, ApiError> {
    let organization = access.organization_id();
    let scope = ListScope("invitations", &organization.text());
    let store = state.scoped_to(&access);
    let read = move |conn: &mut Conn, position| Invitation::page_of(conn, &access, position);
    Ok(web::Json(list_page(store, &page, scope, read, |found| found.invitation.id, Into::into).await?))
}

/// Invite a person
///
/// Where the server sends mail and the caller's own address is verified, a link is mailed to the address. The token is
/// another one, and answered this once; an older invitation of the same address is withdrawn. Only an owner invites owners.
/// The invitation gives at most what its maker may give when it is accepted, and is withdrawn when the maker may not give
/// it any more.
#[utoipa::path(tag = "Invitations", security(("person" = []), ("serviceToken" = ["members:write"])), params(Idempotency), request_body = InvitationInput,
    responses(errors::Person, errors::Write, errors::Body, (status = 201, description = "Invited.", body = InvitationWithToken),
        (status = 200, description = "Invited before, with the same Idempotency-Key: without the token.", body = InvitationWithToken)))]
#[post("/organizations/{organizationId}/invitations")]
pub async fn create_invitation(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationManage>,
    idempotency: Idempotency,
    body: Body<InvitationInput>,
) -> Result<HttpResponse, ApiError> {
    let (input, bytes) = body.parse().await?;
    ensure_may_touch(access.role(), input.role)?;
    if input.workspaces.len() > MAX_WORKSPACES {
        return Err(ApiError::invalid("workspaces", format!("must name at most {MAX_WORKSPACES}")));
    }
    let claim = idempotency.claim(&bytes);
    let now = state.clock.now();
    let is_mailed = state.invitation_mails.check_sender(&access).is_ok();
    let (outcome, access) = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| {
            let create = |conn: &mut Conn, id| {
                let InvitationInput { email, role, workspaces } = input;
                let new = NewInvitation { id, email: email.into_string(), role, grants: workspaces };
                Invitation::create(conn, access_change, &access, new, is_mailed, now)
            };
            let answer = |(made, _): &(InvitationWithGrants, NewTokens)| InvitationView::from(made.clone());
            Ok((claim.run(conn, InvitationId::new(), now, create, answer)?, access))
        })
        .await?;
    Ok(ReplayOutcome::map(outcome, |(invitation, tokens)| {
        let mailed = tokens.mailed.as_ref().is_some_and(|token| {
            state.invitation_mails.count(&access, &invitation.invitation.email, now).is_ok()
                && state.invitation_mails.send(&access, &invitation, token)
        });
        let token = Some(tokens.admins.expose().to_owned());
        InvitationWithToken { invitation: invitation.into(), token, mailed: Some(mailed) }
    })
    .respond())
}

/// Mail an invitation again
///
/// With a new link; an older link is dead. The invitation lasts as long as a new one, and may have expired before. Its
/// maker stays the same. Only an owner sends the invitation of an owner again. The caller's own address must be verified.
#[utoipa::path(tag = "Invitations", security(("person" = []), ("serviceToken" = ["members:write"])), responses(errors::Person, errors::Write, (status = 200, description = "Mailed.", body = InvitationView)))]
#[post("/organizations/{organizationId}/invitations/{invitationId}/resend")]
pub async fn resend_invitation(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationManage>,
    req: HttpRequest,
) -> Result<web::Json<InvitationView>, ApiError> {
    let id = path_parameter(&req, "invitationId")?;
    let (found, access) =
        state.scoped_to(&access).read(move |conn| Ok((Invitation::resendable(conn, &access, id)?, access))).await?;
    state.invitation_mails.check_sender(&access)?;
    let now = state.clock.now();
    state.invitation_mails.count(&access, &found.invitation.email, now)?;
    let renewed = state.scoped_to(&access).change_access(move |conn, access_change| {
        Ok((Invitation::renew(conn, access_change, &access, id, now)?, access))
    });
    let ((invitation, token), access) = renewed.await?;
    if !state.invitation_mails.send(&access, &invitation, &token) {
        return Err(ApiError::unavailable_because("too many mails wait to be sent"));
    }
    Ok(web::Json(invitation.into()))
}

/// Withdraw an invitation
///
/// Its token stops at once. Only an owner withdraws the invitation of an owner.
#[utoipa::path(tag = "Invitations", security(("person" = []), ("serviceToken" = ["members:write"])), responses(errors::Person, errors::Write, (status = 204, description = "Withdrawn.")))]
#[delete("/organizations/{organizationId}/invitations/{invitationId}")]
pub async fn withdraw_invitation(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationManage>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let id = path_parameter(&req, "invitationId")?;
    state
        .scoped_to(&access)
        .change_access(move |conn, access_change| Invitation::withdraw(conn, access_change, &access, id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The token of an invitation.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInput {
    #[schema(value_type = String, example = "inv_4f9TzqKb2LwYx7RmVc1HsDgNpE0aJuQX3o5iB8kZ6yW")]
    token: InvitationToken,
}

/// The organization that the caller belongs to now.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Accepted {
    id: OrganizationId,
    #[schema(example = "Acme")]
    name: String,
    role: OrganizationRole,
}

/// Accept an invitation
///
/// The caller's e-mail address must be the invited one, and verified. A token that was mailed verifies it. It is refused
/// with 403 when the person who made the invitation may not give its role any more. The same person may accept again, and
/// gets the same answer.
#[utoipa::path(tag = "Invitations", request_body = AcceptInput,
    responses(errors::Person, errors::Write, errors::Body, (status = 200, description = "A member now.", body = Accepted)))]
#[post("/invitations/accept")]
pub async fn accept_invitation(
    state: web::Data<State>,
    caller: SignedIn,
    body: Body<AcceptInput>,
) -> Result<web::Json<Accepted>, ApiError> {
    let input = body.read().await?;
    let now = state.clock.now();
    let (organization, role) = state
        .for_caller(caller.proof())
        .change_access(move |conn, access_change| {
            Invitation::accept(conn, access_change, &input.token, (caller.user(), caller.session()), now)
        })
        .await?;
    Ok(web::Json(Accepted { id: organization.id, name: organization.name, role }))
}
