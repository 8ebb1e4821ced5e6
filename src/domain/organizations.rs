//! Creates, renames, deletes and lists organizations.

use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::{MembershipId, OrganizationId, UserId};
use crate::base::policy::{OrganizationRole, can};
use crate::base::sql::schema::{api_keys, organization_members, organizations, subscriptions, workspaces};
use crate::base::sql::{Columns, Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::changes::AccessChange;
use crate::domain::subscriptions::Subscription;
use crate::domain::tenancy::{Organization, User};
use diesel::prelude::*;
use serde_json::json;

impl Organization {
    /// Creates an organization with its owner and its subscription: a trial, unless the owner has had as many as
    /// `subscription.trials_per_person` allows.
    ///
    /// # Errors
    /// `invalid_id_token` when the owner was deleted meanwhile, or a database error.
    pub fn create(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        config: &Config,
        id: OrganizationId,
        name: String,
        owner: UserId,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        User::lock(conn, owner)?;
        let organization = Self { id, name, created_at: now };
        diesel::insert_into(organizations::table).values(&organization).execute(conn)?;
        diesel::insert_into(organization_members::table)
            .values((
                organization_members::id.eq(MembershipId::new()),
                organization_members::organization_id.eq(id),
                organization_members::user_id.eq(owner),
                organization_members::role.eq(OrganizationRole::Owner),
                organization_members::created_at.eq(now),
            ))
            .execute(conn)?;
        let subscription = if User::count_trial(conn, owner, config.subscription.trials_per_person)? {
            Subscription::start_trial(conn, config, id, now)?
        } else {
            Subscription::start_expired(conn, id, now)?
        };
        let made = json!({ "name": organization.name, "owner": owner, "subscription": subscription.facts_at(now) });
        access_change.audit_only(organization.entry(Action::OrganizationCreated).after(made));
        Ok(organization)
    }

    /// Renames the organization.
    ///
    /// # Errors
    /// `not_found` when the organization was deleted meanwhile.
    pub fn rename(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationManage>,
        name: String,
    ) -> Result<Self, ApiError> {
        let row = organizations::table.find(access.organization_id()).select(Self::as_select());
        let before: Self = ForUpdate(row).get_result(conn)?;
        let renamed: Self = diesel::update(organizations::table.find(before.id))
            .set(organizations::name.eq(name))
            .returning(Self::columns())
            .get_result(conn)?;
        let names = (json!({ "name": before.name }), json!({ "name": renamed.name }));
        access_change.audit_only(renamed.entry(Action::OrganizationRenamed).changed(names.0, names.1));
        Ok(renamed)
    }

    fn entry(&self, action: Action) -> Entry {
        Entry::new(action, self.id, Target::organization(self.id, self.name.clone()))
    }

    /// Deletes the organization with all its data.
    ///
    /// # Errors
    /// Database errors.
    pub fn delete(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        access: &OrganizationAccess<can::OrganizationDelete>,
    ) -> Result<(), ApiError> {
        let row = organizations::table.find(access.organization_id()).select(Self::as_select());
        let organization: Self = ForUpdate(row).get_result(conn)?;
        let own_members = organization_members::table.filter(organization_members::organization_id.eq(organization.id));
        let own_spaces = workspaces::table.filter(workspaces::organization_id.eq(organization.id));
        let own_keys = api_keys::table.filter(api_keys::organization_id.eq(organization.id));
        let members: i64 = own_members.count().get_result(conn)?;
        let spaces: i64 = own_spaces.count().get_result(conn)?;
        let keys: i64 = own_keys.count().get_result(conn)?;
        diesel::delete(organizations::table.find(organization.id)).execute(conn)?;
        let gone = json!({ "name": organization.name, "members": members, "workspaces": spaces, "apiKeys": keys });
        access_change.revoking(organization.entry(Action::OrganizationDeleted).before(gone));
        Ok(())
    }

    /// Returns all organizations with their subscriptions, newest first, for the operator.
    ///
    /// # Errors
    /// Database errors.
    pub fn all(conn: &mut Conn) -> Result<Vec<(Self, Subscription)>, ApiError> {
        Ok(organizations::table
            .inner_join(subscriptions::table)
            .select((Self::as_select(), Subscription::as_select()))
            .order(organizations::id.desc())
            .load(conn)?)
    }
}
