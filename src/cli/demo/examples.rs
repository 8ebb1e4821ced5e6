//! What the demo's page tries things out on: a colleague and a spare key. Their ids, and those of organization and
//! workspace, are the examples of the OpenAPI document.

use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::policy::{OrganizationRole, Scope, WorkspaceRole};
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_keys, organization_members, users, workspaces};
use crate::base::time::Timestamp;
use crate::domain::api_keys::{ApiKey, KeyFormat, issue};
use crate::domain::changes::AccessChange;
use crate::domain::members::{OrganizationMember, WorkspaceMember};
use crate::domain::tenancy::{Profile, User, Workspace};
use crate::server::Application;
use diesel::prelude::*;

const COLLEAGUE: (&str, &str) = ("grace@example.com", "Grace Hopper");
/// The name of the key that the page disables, rolls and deletes.
const SPARE_KEY: &str = "Spare";

/// Makes the colleague, who has no account to sign in with, and the spare key.
pub(super) fn make(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    config: &Config,
    format: &KeyFormat,
    workspace: &Workspace,
    owner: (UserId, &Profile),
    now: Timestamp,
) -> Result<(), ApiError> {
    let organization = workspace.organization_id;
    let (email, name) = COLLEAGUE;
    let colleague = Profile {
        subject: "demo-colleague".into(),
        email: Some(email.into()),
        name: Some(name.into()),
        ..owner.1.clone()
    };
    let colleague = User::of_profile(conn, &colleague, now)?.id;
    OrganizationMember::add(conn, access_change, organization, colleague, OrganizationRole::Member, now)?;
    WorkspaceMember::set(
        conn,
        access_change,
        organization,
        workspace.id,
        colleague,
        WorkspaceRole::Editor.into(),
        now,
    )?;
    let scope = config.keys.scopes.first().copied().unwrap_or(Scope::Full);
    let spare = ApiKey::new(KeyId::new(), (organization, workspace.id), owner.0, scope, now);
    issue(conn, access_change, config, format, ApiKey { name: Some(SPARE_KEY.into()), ..spare }, now)?;
    Ok(())
}

/// Puts the ids of the demo's tenant into the served document. Whatever was deleted keeps its invented id.
pub(super) async fn show(application: &Application, email: &'static str) -> Result<(), String> {
    let ids = application.store().reader().read(move |conn| find(conn, email)).await;
    let ids = ids.map_err(|error| format!("reading the demo's tenant failed: {error}"))?;
    application.document().set_example_ids(&ids);
    Ok(())
}

/// Returns pairs of an invented id and the demo's.
fn find(conn: &mut Conn, email: &str) -> Result<Vec<(&'static str, String)>, ApiError> {
    let organization: Option<(OrganizationId, UserId)> = organization_members::table
        .inner_join(users::table)
        .filter(users::email.eq(email))
        .order(organization_members::id)
        .select((organization_members::organization_id, users::id))
        .first(conn)
        .optional()?;
    let Some((organization, owner)) = organization else { return Ok(Vec::new()) };
    let workspace: Option<WorkspaceId> = workspaces::table
        .filter(workspaces::organization_id.eq(organization))
        .order(workspaces::id)
        .select(workspaces::id)
        .first(conn)
        .optional()?;
    let colleague: Option<UserId> = organization_members::table
        .filter(organization_members::organization_id.eq(organization).and(organization_members::user_id.ne(owner)))
        .order(organization_members::id)
        .select(organization_members::user_id)
        .first(conn)
        .optional()?;
    let spare_key: Option<KeyId> = api_keys::table
        .filter(api_keys::organization_id.eq(organization).and(api_keys::name.eq(SPARE_KEY)))
        .order(api_keys::id)
        .select(api_keys::id)
        .first(conn)
        .optional()?;
    let found = [
        Some((OrganizationId::EXAMPLE, organization.text().to_string())),
        workspace.map(|id| (WorkspaceId::EXAMPLE, id.text().to_string())),
        colleague.map(|id| (UserId::EXAMPLE, id.text().to_string())),
        spare_key.map(|id| (KeyId::EXAMPLE, id.text().to_string())),
    ];
    Ok(found.into_iter().flatten().collect())
}
