//! Rows of `subscriptions`, and the effective status at a moment.

use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::policy::SubscriptionStatus;
use crate::base::sql::schema::{organizations, subscriptions};
use crate::base::sql::{Columns, Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::changes::AccessChange;
use crate::domain::tenancy::Organization;
use diesel::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

/// The stored fields that decide a subscription's status, as the cache stores them. No job runs at the end of a period.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// The stored status; see [`Term::at`].
    pub status: SubscriptionStatus,
    pub trial_ends_at: Option<Timestamp>,
    /// The end of the paid period.
    pub current_period_end: Option<Timestamp>,
    /// Until then API clients are admitted in spite of a due payment, or while a renewal may not have been reported
    /// yet.
    pub grace_ends_at: Option<Timestamp>,
}

/// The state of a subscription at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffectiveSubscription {
    pub status: SubscriptionStatus,
    /// Whether API clients are admitted.
    pub admits: bool,
}

impl Term {
    /// Returns the state at `now`. A trial, paid period or grace period expires at its end.
    /// Cost: a few comparisons, on each request.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> EffectiveSubscription {
        let has_grace = self.grace_ends_at.is_some_and(|end| now < end);
        let end = match self.status {
            SubscriptionStatus::Trialing => self.trial_ends_at,
            SubscriptionStatus::Active => self.current_period_end,
            status => {
                return EffectiveSubscription { status, admits: status == SubscriptionStatus::PastDue && has_grace };
            }
        };
        let is_over = end.is_some_and(|end| end <= now) && !has_grace;
        EffectiveSubscription {
            status: if is_over { SubscriptionStatus::Expired } else { self.status },
            admits: !is_over,
        }
    }
}

/// An organization's subscription. Only the operator and billing change it.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = subscriptions)]
pub struct Subscription {
    pub organization_id: OrganizationId,
    /// The stored status; see [`Term::at`].
    pub status: SubscriptionStatus,
    /// The name of a configured plan.
    pub plan: String,
    pub trial_ends_at: Option<Timestamp>,
    /// The end of the paid period.
    pub current_period_end: Option<Timestamp>,
    pub updated_at: Timestamp,
    /// See [`Term::grace_ends_at`].
    pub grace_ends_at: Option<Timestamp>,
}

/// A change by the operator or by billing; `None` leaves a field unchanged, and `Some(None)` removes a time.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = subscriptions)]
pub struct SubscriptionChange {
    pub status: Option<SubscriptionStatus>,
    pub plan: Option<String>,
    pub trial_ends_at: Option<Option<Timestamp>>,
    pub current_period_end: Option<Option<Timestamp>>,
    pub grace_ends_at: Option<Option<Timestamp>>,
    pub updated_at: Timestamp,
}

impl Subscription {
    /// Starts the trial of a new organization.
    ///
    /// # Errors
    /// Database errors.
    pub fn start_trial(conn: &mut Conn, config: &Config, id: OrganizationId, now: Timestamp) -> Result<Self, ApiError> {
        let days = Duration::from_secs(u64::from(config.subscription.trial_days) * 86_400);
        Self::insert(conn, id, (SubscriptionStatus::Trialing, Some(now.plus(days))), now)
    }

    /// Starts without a trial: programs are refused until billing or the operator changes the subscription.
    ///
    /// # Errors
    /// Database errors.
    pub fn start_expired(conn: &mut Conn, id: OrganizationId, now: Timestamp) -> Result<Self, ApiError> {
        Self::insert(conn, id, (SubscriptionStatus::Expired, None), now)
    }

    fn insert(
        conn: &mut Conn,
        id: OrganizationId,
        (status, trial_ends_at): (SubscriptionStatus, Option<Timestamp>),
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let row = Self {
            organization_id: id,
            status,
            plan: Config::DEFAULT_PLAN.to_owned(),
            trial_ends_at,
            current_period_end: None,
            updated_at: now,
            grace_ends_at: None,
        };
        diesel::insert_into(subscriptions::table).values(&row).execute(conn)?;
        Ok(row)
    }

    /// Returns the subscription of an organization.
    ///
    /// # Errors
    /// `not_found`, or a database error.
    pub fn of(conn: &mut Conn, id: OrganizationId) -> Result<Self, ApiError> {
        Ok(subscriptions::table.find(id).select(Self::as_select()).first(conn)?)
    }

    /// Changes the subscription, for the operator, and for billing, which names itself by [`AccessChange::act_as`].
    ///
    /// # Errors
    /// `not_found`, or a database error.
    pub fn change(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        id: OrganizationId,
        change: &SubscriptionChange,
    ) -> Result<Self, ApiError> {
        // Writes of the organization's programs lock the row, too.
        Organization::lock(conn, id)?;
        let row = subscriptions::table.find(id).select(Self::as_select());
        let before: Self = ForUpdate(row).get_result(conn)?;
        let after: Self =
            diesel::update(subscriptions::table.find(id)).set(change).returning(Self::columns()).get_result(conn)?;
        let name: String = organizations::table.find(id).select(organizations::name).first(conn)?;
        let entry = Entry::new(Action::SubscriptionChanged, id, Target::organization(id, name));
        access_change.revoking(entry.changed(before.facts(), after.facts()));
        Ok(after)
    }

    /// Returns the subscription's fields for the audit trail.
    pub(crate) fn facts(&self) -> Value {
        let mut facts = json!({
            "status": self.status,
            "plan": self.plan,
            "trialEndsAt": self.trial_ends_at,
            "currentPeriodEnd": self.current_period_end,
        });
        if let Some(end) = self.grace_ends_at {
            facts["graceEndsAt"] = json!(end);
        }
        facts
    }

    pub fn term(&self) -> Term {
        Term {
            status: self.status,
            trial_ends_at: self.trial_ends_at,
            current_period_end: self.current_period_end,
            grace_ends_at: self.grace_ends_at,
        }
    }

    /// Returns the effective status at `now`.
    pub fn status_at(&self, now: Timestamp) -> SubscriptionStatus {
        self.term().at(now).status
    }
}
