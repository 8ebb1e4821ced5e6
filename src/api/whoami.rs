//! `GET /whoami`: the caller behind a credential.

use crate::api::Caller;
use crate::api::errors;
use crate::api::hot_json::{json, write_json};
use crate::base::error::{ApiError, Code};
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::policy::Scope;
use crate::base::policy::SubscriptionStatus;
use crate::base::policy::{KeyPermissions, RoleName};
use crate::domain::api_keys::KeyCaller;
use actix_web::HttpResponse;
use serde::Serialize;

/// The subscription, as far as a program sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SubscriptionSummary<'k> {
    status: SubscriptionStatus,
    #[schema(example = "free")]
    plan: &'k str,
}

/// The kind of a program.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProgramKind {
    /// An API key.
    ApiKey,
}

/// Who is behind an API key, and what it may do now.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProgramView<'k> {
    #[schema(inline)]
    kind: ProgramKind,
    key_id: KeyId,
    #[schema(required, example = "Production")]
    name: Option<&'k str>,
    workspace_id: WorkspaceId,
    organization_id: OrganizationId,
    role: RoleName,
    scope: Scope,
    /// What it may do: Keyward's permissions, and those that the configuration declares.
    #[schema(required, value_type = Vec<String>, example = json!(["workspace:read", "content:read", "invoices:read"]))]
    permissions: Option<&'k KeyPermissions>,
    subscription: SubscriptionSummary<'k>,
}

write_json!(ProgramView<'_> {
    "kind" = "api_key";
    "keyId": key_id,
    "name": name,
    "workspaceId": workspace_id,
    "organizationId": organization_id,
    "role": role,
    "scope": scope,
    "permissions": permissions,
    "subscription": subscription,
});
write_json!(SubscriptionSummary<'_> { "status": status, "plan": plan });

/// The kind of a person.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum PersonKind {
    /// A user.
    User,
}

/// Who is behind an ID token.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonView<'k> {
    #[schema(inline)]
    kind: PersonKind,
    user_id: UserId,
    #[schema(required, example = "ada@example.com")]
    email: Option<&'k str>,
    #[schema(required, example = "Ada Lovelace")]
    name: Option<&'k str>,
}

/// Who is behind a credential.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(discriminator(property_name = "kind", mapping(
    ("api_key" = "#/components/schemas/ProgramView"),
    ("user" = "#/components/schemas/PersonView"),
)))]
pub enum WhoAmI<'k> {
    /// A program.
    ApiKey(ProgramView<'k>),
    /// A person.
    User(PersonView<'k>),
}

impl<'k> From<&'k KeyCaller> for ProgramView<'k> {
    fn from(key: &'k KeyCaller) -> Self {
        Self {
            kind: ProgramKind::ApiKey,
            permissions: key.permissions(),
            key_id: key.key_id,
            name: key.name.as_deref(),
            workspace_id: key.workspace_id,
            organization_id: key.organization_id,
            role: key.role,
            scope: key.scope,
            subscription: SubscriptionSummary { status: key.subscription.status, plan: key.plan() },
        }
    }
}

/// Who am I?
///
/// Works with an API key and with an ID token.
#[utoipa::path(get, path = "/whoami", tag = "Programs", params(("X-Workspace-Id" = Option<String>, Header, description = "If sent with an API key, it must be the key's workspace.")),
    security(("apiKey" = []), ("apiKeyHeader" = []), ("idToken" = []), ("signIn" = [])),
    responses(errors::Program, (status = 200, description = "The caller.", body = WhoAmI)))]
pub async fn whoami(caller: Caller) -> Result<HttpResponse, ApiError> {
    match &caller {
        Caller::ApiKey(key) => whoami_response(key),
        Caller::User(user) => {
            let (email, name) = (user.email.as_deref(), user.name.as_deref());
            let person = PersonView { kind: PersonKind::User, user_id: user.id, email, name };
            Ok(HttpResponse::Ok().json(WhoAmI::User(person)))
        }
        Caller::Service(_) | Caller::Portal(_) => Err(Code::CredentialNotAccepted.into()),
    }
}

/// The response of [`whoami`] to a program.
///
/// # Errors
/// None: a view always has JSON.
pub fn whoami_response(key: &KeyCaller) -> Result<HttpResponse, ApiError> {
    Ok(json(&ProgramView::from(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::hot_json::assert_same;
    use crate::base::policy::{PermissionCatalog, WorkspaceRole};

    #[test]
    fn a_program_is_told_what_serde_would_write() {
        let (key_id, workspace_id, organization_id) = (KeyId::new(), WorkspaceId::new(), OrganizationId::new());
        let catalog = PermissionCatalog::compile([]).unwrap();
        let permissions = catalog.of_key(catalog.built_in(WorkspaceRole::Editor), Scope::ReadOnly);
        for name in [None, Some("Production"), Some("\"\\ Ключ")] {
            let view = || ProgramView {
                kind: ProgramKind::ApiKey,
                key_id,
                name,
                workspace_id,
                organization_id,
                role: RoleName::BuiltIn(WorkspaceRole::Editor),
                scope: Scope::ReadOnly,
                permissions: Some(&permissions),
                subscription: SubscriptionSummary { status: SubscriptionStatus::PastDue, plan: "free" },
            };
            assert_same(&view(), &WhoAmI::ApiKey(view()));
        }
    }
}
