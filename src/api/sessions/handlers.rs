//! Endpoints of `/me/sessions`, and sign-out.

use super::wire::{EndedSessions, SessionView};
use crate::api::State;
use crate::api::errors;
use crate::api::{SignedIn, list_page};
use crate::base::error::ApiError;
use crate::base::sql::Conn;
use crate::domain::identity::Session;
use crate::infra::http::{ListScope, Page, PageQuery, path_parameter};
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};

/// List my sessions
///
/// The caller's sign-ins at the built-in identity provider that have not ended, newest first. For a user of another
/// issuer the list is empty.
#[utoipa::path(tag = "Account", params(PageQuery),
    responses(errors::Person, (status = 200, description = "A page.", body = Page<SessionView>)))]
#[get("/me/sessions")]
pub async fn list_sessions(
    state: web::Data<State>,
    caller: SignedIn,
    page: PageQuery,
) -> Result<web::Json<Page<SessionView>>, ApiError> {
    let (id, current) = (caller.user().id, caller.session());
    let (settings, now) = (state.config.identity.sessions, state.clock.now());
    let read = move |conn: &mut Conn, position| Session::page_of(conn, id, &settings, now, position);
    let show = move |session: Session| {
        let ends_at = session.ends_at(&settings);
        SessionView::new(session, ends_at, current)
    };
    let scope = ListScope("sessions", &id.text());
    Ok(web::Json(list_page(state.for_caller(caller.proof()), &page, scope, read, |session| session.id, show).await?))
}

/// End one of my sessions
///
/// Its tokens are refused from now on. It may be the caller's own.
#[utoipa::path(tag = "Account", responses(errors::Person, errors::Write, (status = 204, description = "Ended.")))]
#[delete("/me/sessions/{sessionId}")]
pub async fn end_session(
    state: web::Data<State>,
    caller: SignedIn,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (user, id) = (caller.user().id, path_parameter(&req, "sessionId")?);
    state
        .for_caller(caller.proof())
        .change_access(move |conn, access_change| Session::end(conn, access_change, user, id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sign out
///
/// Ends the session of the request's ID token. Its tokens are refused from now on.
#[utoipa::path(tag = "Account", responses(errors::Person, errors::Write, (status = 204, description = "Signed out.")))]
#[post("/me/sign-out")]
pub async fn sign_out(state: web::Data<State>, caller: SignedIn) -> Result<HttpResponse, ApiError> {
    let (user, id) = (caller.user().id, caller.own_session()?);
    state
        .for_caller(caller.proof())
        .change_access(move |conn, access_change| Session::end(conn, access_change, user, id))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sign out everywhere else
///
/// Ends all of the caller's sessions but that of the request's ID token.
#[utoipa::path(tag = "Account",
    responses(errors::Person, errors::Write, (status = 200, description = "They have ended.", body = EndedSessions)))]
#[post("/me/sign-out-others")]
pub async fn sign_out_others(state: web::Data<State>, caller: SignedIn) -> Result<web::Json<EndedSessions>, ApiError> {
    let (user, kept) = (caller.user().id, caller.own_session()?);
    let ended = state
        .for_caller(caller.proof())
        .change_access(move |conn, access_change| Session::end_others(conn, access_change, user, kept))
        .await?;
    Ok(web::Json(EndedSessions { ended }))
}
