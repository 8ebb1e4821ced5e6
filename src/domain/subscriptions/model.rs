//! Rows of `subscriptions`, and the effective status at a moment.

use super::later::{LaterChoice, LaterChoices};
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
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// The stored fields that decide a subscription's status, as the cache stores them. No job runs at the end of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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

    /// Returns the first moment at which API clients are no longer admitted. `None` if time does not end it.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        let end = match self.status {
            SubscriptionStatus::Trialing => self.trial_ends_at?,
            SubscriptionStatus::Active => self.current_period_end?,
            SubscriptionStatus::PastDue => return self.grace_ends_at,
            SubscriptionStatus::Canceled | SubscriptionStatus::Expired => return None,
        };
        Some(self.grace_ends_at.map_or(end, |grace| end.max(grace)))
    }
}

/// What counts at a moment: a plan, and the fields that decide the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The name of a configured plan.
    pub plan: String,
    pub term: Term,
}

/// An organization's subscription. Only the operator and billing change it.
///
/// Its plan and its term depend on the time: [`Subscription::at`].
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = subscriptions)]
pub struct Subscription {
    organization_id: OrganizationId,
    status: SubscriptionStatus,
    plan: String,
    trial_ends_at: Option<Timestamp>,
    current_period_end: Option<Timestamp>,
    updated_at: Timestamp,
    grace_ends_at: Option<Timestamp>,
    later: Option<LaterChoices>,
}

/// A change by the operator or by billing; `None` leaves a field as it is at `updated_at`, and `Some(None)` removes a
/// time.
#[derive(Debug)]
pub struct SubscriptionChange {
    pub status: Option<SubscriptionStatus>,
    pub plan: Option<String>,
    pub trial_ends_at: Option<Option<Timestamp>>,
    pub current_period_end: Option<Option<Timestamp>>,
    pub grace_ends_at: Option<Option<Timestamp>>,
    /// The choices that time makes afterwards, in the order of their time. They replace the earlier ones.
    pub later: Vec<LaterChoice>,
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
            later: None,
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
        let now = change.updated_at;
        let Choice { plan, term } = before.at(now);
        let later = LaterChoices::new(change.later.clone(), now);
        let after: Self = diesel::update(subscriptions::table.find(id))
            .set((
                subscriptions::status.eq(change.status.unwrap_or(term.status)),
                subscriptions::plan.eq(change.plan.as_ref().unwrap_or(&plan)),
                subscriptions::trial_ends_at.eq(change.trial_ends_at.unwrap_or(term.trial_ends_at)),
                subscriptions::current_period_end.eq(change.current_period_end.unwrap_or(term.current_period_end)),
                subscriptions::grace_ends_at.eq(change.grace_ends_at.unwrap_or(term.grace_ends_at)),
                subscriptions::later.eq(later),
                subscriptions::updated_at.eq(now),
            ))
            .returning(Self::columns())
            .get_result(conn)?;
        let name: String = organizations::table.find(id).select(organizations::name).first(conn)?;
        let entry = Entry::new(Action::SubscriptionChanged, id, Target::organization(id, name));
        access_change.revoking(entry.changed(before.facts_at(now), after.facts_at(now)));
        Ok(after)
    }

    /// Returns the subscription's fields for the audit trail, as they are at `now`.
    pub(crate) fn facts_at(&self, now: Timestamp) -> Value {
        let Choice { plan, term } = self.at(now);
        let mut facts = json!({
            "status": term.status,
            "plan": plan,
            "trialEndsAt": term.trial_ends_at,
            "currentPeriodEnd": term.current_period_end,
        });
        if let Some(end) = term.grace_ends_at {
            facts["graceEndsAt"] = json!(end);
        }
        let later: Vec<&LaterChoice> = self.later().iter().filter(|choice| choice.from > now).collect();
        if !later.is_empty() {
            facts["later"] = json!(later);
        }
        facts
    }

    /// Returns the plan and the term that count at `now`.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Choice {
        let later = self.later();
        match later[..later.partition_point(|choice| choice.from <= now)].last() {
            Some(choice) => Choice { plan: choice.plan.clone(), term: choice.term },
            None => self.first(),
        }
    }

    /// Returns the effective status at `now`.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> SubscriptionStatus {
        self.at(now).term.at(now).status
    }

    /// Returns the plan and the term until the first of the later choices.
    pub(in crate::domain) fn first(&self) -> Choice {
        Choice { plan: self.plan.clone(), term: self.term() }
    }

    /// Returns the choices that time makes, in the order of their time.
    pub(in crate::domain) fn later(&self) -> &[LaterChoice] {
        self.later.as_ref().map_or(&[], |later| later.of(self.updated_at))
    }

    fn term(&self) -> Term {
        Term {
            status: self.status,
            trial_ends_at: self.trial_ends_at,
            current_period_end: self.current_period_end,
            grace_ends_at: self.grace_ends_at,
        }
    }
}
