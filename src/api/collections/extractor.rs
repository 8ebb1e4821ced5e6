//! Makes a [`CollectionAccess`] from a request. The route has the collection, the path has the workspace and the parent
//! document.

use crate::api::{Caller, caller_of, ensure_no_member_is_named, service_actor, state_of};
use crate::base::error::{ApiError, Code};
use crate::base::ids::{DocumentId, WorkspaceId};
use crate::base::sql::Conn;
use crate::domain::access::WorkspaceMembership;
use crate::domain::collections::{Collection, CollectionAccess, DOCUMENT_ID, Intent};
use crate::infra::http::path_parameter;
use crate::infra::request::RequestContext;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use std::sync::Arc;

/// Makes the guard. Cost: no statement for a program; one for a person, as for each guard.
async fn of_request<I: Intent>(req: HttpRequest) -> Result<CollectionAccess<I>, ApiError> {
    let collection = req
        .app_data::<Arc<Collection>>()
        .cloned()
        .ok_or_else(|| ApiError::internal("the route is of no collection"))?;
    let is_for_people = req.match_info().get("workspaceId").is_some();
    let parent = collection.path.parent().map(|parent| parent.parameter.clone());
    let access = match caller_of(&req)? {
        Caller::ApiKey(key) if !is_for_people => CollectionAccess::of_program(collection, &key)?,
        Caller::User(user) if is_for_people => {
            ensure_no_member_is_named(&req)?;
            let (id, user_id) = (path_parameter::<WorkspaceId>(&req, "workspaceId")?, user.id);
            let state = state_of(&req)?;
            let catalog = Arc::clone(&state.catalog);
            let membership =
                state.reader().read(move |conn| WorkspaceMembership::find(conn, catalog, id, user_id)).await?;
            RequestContext::set_organization(membership.workspace().organization_id);
            CollectionAccess::of_member(collection, &membership, user.proof(), user_id.to_string())?
        }
        Caller::Service(service) if is_for_people => {
            let actor = service_actor(&req, &service)?;
            let id = path_parameter::<WorkspaceId>(&req, "workspaceId")?;
            let (acting, state) = (actor.acting(), state_of(&req)?);
            let catalog = Arc::clone(&state.catalog);
            let read = move |conn: &mut Conn| WorkspaceMembership::of_service(conn, catalog, id, &acting);
            let membership = state.reader().read(read).await?;
            RequestContext::set_organization(membership.workspace().organization_id);
            let caller_id = actor.on_behalf_of().map_or_else(|| service.id().to_string(), |member| member.to_string());
            CollectionAccess::of_member(collection, &membership, actor.proof(), caller_id)?
        }
        _ => return Err(Code::CredentialNotAccepted.into()),
    };
    let parent_id = parent.map(|name| path_parameter(&req, &name)).transpose()?;
    Ok(access.beneath(parent_id))
}

/// Reads the document's id from the path.
pub fn document_id(req: &HttpRequest) -> Result<DocumentId, ApiError> {
    path_parameter(req, DOCUMENT_ID)
}

impl<I: Intent> FromRequest for CollectionAccess<I> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(of_request(req.clone()))
    }
}
