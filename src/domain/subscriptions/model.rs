//! Rows of `subscriptions`, and the status that counts at a moment.

use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::policy::SubscriptionStatus;
use crate::base::sql::schema::{organizations, subscriptions};
use crate::base::sql::{Columns, Conn, ForUpdate};
use crate::base::time::Timestamp;
use crate::domain::audit::{Action, Entry, Target};
use crate::domain::changes::AccessChange;
use diesel::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

/// What decides about a subscription at any moment, as the cache keeps it: no job runs when a time comes.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// As stored.
    pub status: SubscriptionStatus,
    /// When the trial ends.
    pub trial_ends_at: Option<Timestamp>,
    /// Until when it is paid.
    pub current_period_end: Option<Timestamp>,
    /// Until when programs pass all the same: while a payment is due, or while the news of a renewal may be on its way.
    pub grace_ends_at: Option<Timestamp>,
}

/// How a subscription stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffectiveSubscription {
    /// The status that counts then.
    pub status: SubscriptionStatus,
    /// Whether programs may call the API.
    pub admits: bool,
}

impl Term {
    /// How it stands at `now`: a trial or a period that ended is expired from that moment, and so is a period of grace.
    /// A few comparisons; this runs for each request.
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

/// An organization's subscription. Only the operator and billing change it, never the customer.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = subscriptions)]
pub struct Subscription {
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// As stored; see [`Term::at`].
    pub status: SubscriptionStatus,
    /// The name of a configured plan.
    pub plan: String,
    /// When the trial ends.
    pub trial_ends_at: Option<Timestamp>,
    /// Until when it is paid.
    pub current_period_end: Option<Timestamp>,
    /// The last change.
    pub updated_at: Timestamp,
    /// Until when programs pass all the same; see [`Term::grace_ends_at`].
    pub grace_ends_at: Option<Timestamp>,
}

/// What the operator or billing sets; what is `None` stays.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = subscriptions)]
pub struct SubscriptionChange {
    /// The new status.
    pub status: Option<SubscriptionStatus>,
    /// The new plan.
    pub plan: Option<String>,
    /// The new end of the trial, or none.
    pub trial_ends_at: Option<Option<Timestamp>>,
    /// The new end of the paid period, or none.
    pub current_period_end: Option<Option<Timestamp>>,
    /// The new end of the grace, or none.
    pub grace_ends_at: Option<Option<Timestamp>>,
    /// Now.
    pub updated_at: Timestamp,
}

impl Subscription {
    /// Starts the trial of a new organization.
    ///
    /// # Errors
    /// Those of the database.
    pub fn start_trial(conn: &mut Conn, config: &Config, id: OrganizationId, now: Timestamp) -> Result<Self, ApiError> {
        let days = Duration::from_secs(u64::from(config.subscription.trial_days) * 86_400);
        let row = Self {
            organization_id: id,
            status: SubscriptionStatus::Trialing,
            plan: Config::DEFAULT_PLAN.to_owned(),
            trial_ends_at: Some(now.plus(days)),
            current_period_end: None,
            updated_at: now,
            grace_ends_at: None,
        };
        diesel::insert_into(subscriptions::table).values(&row).execute(conn)?;
        Ok(row)
    }

    /// The subscription of an organization.
    ///
    /// # Errors
    /// `not_found`, or those of the database.
    pub fn of(conn: &mut Conn, id: OrganizationId) -> Result<Self, ApiError> {
        Ok(subscriptions::table.find(id).select(Self::as_select()).first(conn)?)
    }

    /// Changes it: the operator's lever, and billing's, which says so by [`AccessChange::act_as`].
    ///
    /// # Errors
    /// `not_found`, or those of the database.
    pub fn change(
        conn: &mut Conn,
        access_change: &mut AccessChange,
        id: OrganizationId,
        change: &SubscriptionChange,
    ) -> Result<Self, ApiError> {
        let row = subscriptions::table.find(id).select(Self::as_select());
        let before: Self = ForUpdate(row).get_result(conn)?;
        let after: Self =
            diesel::update(subscriptions::table.find(id)).set(change).returning(Self::columns()).get_result(conn)?;
        let name: String = organizations::table.find(id).select(organizations::name).first(conn)?;
        let entry = Entry::new(Action::SubscriptionChanged, id, Target::organization(id, name));
        access_change.revoking(entry.changed(before.facts(), after.facts()));
        Ok(after)
    }

    /// What the audit trail tells of it.
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

    /// What decides about it at any moment.
    pub fn term(&self) -> Term {
        Term {
            status: self.status,
            trial_ends_at: self.trial_ends_at,
            current_period_end: self.current_period_end,
            grace_ends_at: self.grace_ends_at,
        }
    }

    /// The status that counts at `now`.
    pub fn status_at(&self, now: Timestamp) -> SubscriptionStatus {
        self.term().at(now).status
    }
}
