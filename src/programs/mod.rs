//! What programs ask of Keyward itself: `GET /whoami`.

use crate::access::{Caller, KeyCaller, Permission, WorkspaceRole};
use crate::api_keys::Scope;
use crate::error::{ApiError, Code};
use crate::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::subscriptions::Status;
use actix_web::{get, web};
use serde::Serialize;

/// The subscription, as far as a program sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SubscriptionSummary {
    status: Status,
    #[schema(example = "free")]
    plan: String,
}

/// Who is behind an API key, and what it may do now.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProgramView {
    key_id: KeyId,
    #[schema(required, example = "Production")]
    name: Option<String>,
    workspace_id: WorkspaceId,
    organization_id: OrganizationId,
    role: WorkspaceRole,
    scope: Scope,
    permissions: Vec<Permission>,
    subscription: SubscriptionSummary,
}

/// Who is behind an ID token.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    user_id: UserId,
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
}

/// Who is behind a credential.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WhoAmI {
    /// A program.
    ApiKey(ProgramView),
    /// A person.
    User(PersonView),
}

impl From<KeyCaller> for ProgramView {
    fn from(key: KeyCaller) -> Self {
        Self {
            permissions: Permission::of_key(key.role, key.scope),
            key_id: key.key_id,
            name: key.name.as_deref().map(str::to_owned),
            workspace_id: key.workspace_id,
            organization_id: key.organization_id,
            role: key.role,
            scope: key.scope,
            subscription: SubscriptionSummary { status: key.subscription, plan: key.plan.to_string() },
        }
    }
}

/// Who am I?
///
/// Works with an API key and with an ID token.
#[utoipa::path(tag = "Programs", params(("X-Workspace-Id" = Option<String>, Header, description = "If sent with an API key, it must be the key's workspace.")),
    security(("apiKey" = []), ("apiKeyHeader" = []), ("idToken" = []), ("signIn" = [])),
    responses((status = 200, description = "The caller.", body = WhoAmI)))]
#[get("/whoami")]
pub async fn whoami(caller: Caller) -> Result<web::Json<WhoAmI>, ApiError> {
    Ok(web::Json(match caller {
        Caller::ApiKey(key) => WhoAmI::ApiKey(key.into()),
        Caller::User(user) => WhoAmI::User(PersonView { user_id: user.id, email: user.email, name: user.name }),
        Caller::Service(_) => return Err(Code::CredentialNotAccepted.into()),
    }))
}
