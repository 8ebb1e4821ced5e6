//! The demo tenant: a person, an organization, a workspace and an API key.

use super::examples;
use super::place::Place;
use crate::api::State;
use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::policy::{OrganizationRole, Scope};
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::api_keys::{ApiKey, KeyFormat, PlaintextKey, issue};
use crate::domain::changes::{AccessChange, Store};
use crate::domain::identity::Account;
use crate::domain::tenancy::{Organization, User, Workspace};
use rand::RngExt;
use rand::distr::Alphanumeric;

pub const EMAIL: &str = "demo@example.com";

/// Makes the demo tenant, at the first start.
pub async fn seed(state: &State, store: &Store, place: &Place) -> Result<Option<PlaintextKey>, String> {
    let failed = |error: ApiError| format!("making the demo tenant failed: {error}");
    if state.identity.has_account(EMAIL).await.map_err(failed)? {
        return Ok(None);
    }
    let password: String = rand::rng().sample_iter(Alphanumeric).take(16).map(char::from).collect();
    // Before the account: an account whose password is lost is worse than a password without an account.
    place.keep_password(&password).map_err(|error| format!("{}: {error}", place.password_file))?;
    let profile = state.identity.create_account(EMAIL, &password.into(), true).await.map_err(failed)?;
    let (config, format, now) = (state.config.clone(), state.api_keys.format.clone(), state.clock.now());
    let tenant = move |conn: &mut Conn, access_change: &mut AccessChange| {
        let user = User::of_profile(conn, &profile, now)?;
        let organization = OrganizationId::new();
        Organization::create(conn, access_change, &config, organization, "Demo".into(), user.id, now)?;
        let id = WorkspaceId::new();
        let row = Workspace { id, organization_id: organization, name: "Demo".into(), created_at: now };
        let workspace = Workspace::insert(conn, access_change, row)?;
        let key = issue_key(conn, access_change, (&config, &format), (&workspace, user.id), now)?;
        examples::make(conn, access_change, &config, &format, &workspace, (user.id, &profile), now)?;
        Ok(key)
    };
    store.for_all_tenants().change_access(tenant).await.map(Some).map_err(failed)
}

/// Makes another key of the demo's person, in the oldest workspace of an organization that the person owns.
pub async fn new_key(state: &State, store: &Store) -> Result<PlaintextKey, String> {
    let (config, format, now) = (state.config.clone(), state.api_keys.format.clone(), state.clock.now());
    let key = move |conn: &mut Conn, access_change: &mut AccessChange| {
        let account = Account::of_address(conn, EMAIL)?;
        let user = User::of_profile(conn, &account.profile(), now)?;
        for (organization, role) in Organization::all_of(conn, user.id)?.iter().rev() {
            if *role == OrganizationRole::Owner
                && let Some(workspace) = Workspace::oldest_of(conn, organization.id)?
            {
                return issue_key(conn, access_change, (&config, &format), (&workspace, user.id), now).map(Some);
            }
        }
        Ok(None)
    };
    let key = store.for_all_tenants().change_access(key).await;
    key.map_err(|error| format!("--new-key: {error}"))?.ok_or_else(|| {
        "--new-key: the demo's person owns no organization with a workspace any more; delete the database to begin anew"
            .to_owned()
    })
}

fn issue_key(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    (config, format): (&Config, &KeyFormat),
    (workspace, creator): (&Workspace, UserId),
    now: Timestamp,
) -> Result<PlaintextKey, ApiError> {
    let scope = config.keys.scopes.first().copied().unwrap_or(Scope::Full);
    let key = ApiKey::new(KeyId::new(), (workspace.organization_id, workspace.id), creator, scope, now);
    issue(conn, access_change, config, format, ApiKey { name: Some("Demo".into()), ..key }, now)
}
