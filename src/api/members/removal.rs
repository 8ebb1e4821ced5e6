//! The removal of a member, of either kind.

use super::wire::RemovalQuery;
use crate::api::State;
use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::access::Guard;
use crate::domain::api_keys::{Heir, KeyRules, RemovedKeys};
use crate::domain::changes::AccessChange;
use crate::infra::http::{path_parameter, query};
use actix_web::{HttpRequest, web};

/// Removes the member that the path names, by `change`, and answers with its keys.
pub(super) async fn remove<G: Guard + Send + 'static>(
    state: web::Data<State>,
    access: G,
    req: &HttpRequest,
    change: impl FnOnce(
        &mut Conn,
        &mut AccessChange,
        KeyRules<'_>,
        &G,
        UserId,
        Option<Heir>,
        Timestamp,
    ) -> Result<RemovedKeys, ApiError>
    + Send
    + 'static,
) -> Result<web::Json<RemovedKeys>, ApiError> {
    let user = path_parameter(req, "userId")?;
    let heir = query::<RemovalQuery>(req)?.heir()?;
    let now = state.clock.now();
    let shared = state.clone();
    let keys = state
        .scoped_to(&access)
        .change_access(move |conn, access_change| {
            change(conn, access_change, shared.key_rules(), &access, user, heir, now)
        })
        .await?;
    Ok(web::Json(keys))
}
