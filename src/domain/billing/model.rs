//! Rows of `stripe_events`, `stripe_customers` and `stripe_subscriptions`, and the transaction that stores an event.

use super::events::News;
use super::history::History;
use super::mapping::{Paid, paid};
use super::metrics::WebhookOutcome;
use crate::base::config::Config;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::sql::schema::{organizations, stripe_customers, stripe_events, stripe_subscriptions};
use crate::base::sql::{Conn, ForUpdate, each};
use crate::base::time::Timestamp;
use crate::domain::audit::{Action, Actor, Entry, Target};
use crate::domain::changes::AccessChange;
use crate::domain::subscriptions::Subscription;
use diesel::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long event ids are kept. Stripe repeats an event for at most 30 days. A later repetition changes nothing either,
/// because a history is a set.
const KEPT: Duration = Duration::from_secs(35 * 86_400);
/// A second delivery within this time may come while the first one still waits for the other nodes.
const MAY_BE_UNANSWERED: Duration = Duration::from_secs(60);
/// An empty history.
const NOTHING_KNOWN: &str = "{}";
/// The most event ids that one transaction deletes.
const BATCH: i64 = 1_000;

#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = stripe_customers)]
struct Customer {
    id: String,
    organization_id: Option<OrganizationId>,
    tied_at: i64,
    tied_by: String,
}

#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = stripe_subscriptions, treat_none_as_null = true)]
struct StripeSubscriptionRow {
    id: String,
    customer_id: String,
    session_organization_id: Option<OrganizationId>,
    organization_id: Option<OrganizationId>,
    history: String,
}

/// Stores an event once, and applies it to the subscriptions of the organizations.
///
/// Cost: seven statements, and for each organization that changes those of [`Subscription::change`].
///
/// # Errors
/// Those of the database.
pub fn apply_event(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    config: &Config,
    event: &str,
    news: News,
    now: Timestamp,
) -> Result<WebhookOutcome, ApiError> {
    access_change.act_as(Actor::Billing(event.to_owned()));
    let customer_id = news.customer().to_owned();
    let is_new = remember(conn, event, now)?;
    let mut customer = Customer::lock(conn, &customer_id)?;
    let before = StripeSubscriptionRow::of_customer(conn, &customer_id)?;
    if !is_new {
        wait_for_the_first(conn, access_change, event, &before, now)?;
        return Ok(WebhookOutcome::Duplicate);
    }
    let mut after = before.clone();
    news.enter(event, &mut customer, &mut after)?;
    for row in &mut after {
        row.assign_organization(&customer)?;
    }
    // Organizations of the changed rows, before and after, locked in the order of their ids.
    let changed: Vec<&StripeSubscriptionRow> = after.iter().filter(|row| !before.contains(row)).collect();
    let old = before.iter().filter(|row| changed.iter().any(|changed| changed.id == row.id));
    let concerned: BTreeSet<OrganizationId> =
        old.chain(changed.iter().copied()).filter_map(|row| row.organization_id).collect();
    let mut paid_before = Vec::new();
    for organization in concerned {
        if exists(conn, organization)? {
            paid_before.push((organization, paid_by(conn, config, organization, now)?));
        }
    }
    customer.save(conn)?;
    for row in &changed {
        row.save(conn)?;
    }
    let is_tied = customer.organization_id.is_some() || after.iter().any(|row| row.organization_id.is_some());
    let is_known = if changed.is_empty() { is_tied } else { !paid_before.is_empty() };
    let mut outcome = if is_known { WebhookOutcome::Unchanged } else { WebhookOutcome::Untied };
    for (organization, before) in paid_before {
        let after = paid_by(conn, config, organization, now)?;
        // Without a change at Stripe the subscription stays, because the operator may have changed it since.
        if after == before {
            continue;
        }
        let after = after.unwrap_or_else(Paid::nothing);
        Subscription::change(conn, access_change, organization, &after.change(now))?;
        outcome = WebhookOutcome::Applied;
    }
    Ok(outcome)
}

/// Deletes old event ids, at most [`BATCH`]. Returns their number.
///
/// # Errors
/// Those of the database.
pub fn prune(conn: &mut Conn, now: Timestamp) -> Result<usize, ApiError> {
    let old = stripe_events::table
        .filter(stripe_events::received_at.lt(now.minus(KEPT)))
        .order(stripe_events::received_at)
        .limit(BATCH)
        .select(stripe_events::id);
    let old: Vec<String> = old.load(conn)?;
    let mut gone = 0;
    for id in old {
        gone += diesel::delete(stripe_events::table.find(id)).execute(conn)?;
    }
    Ok(gone)
}

/// Stores the event's id. Returns whether it is new. A simultaneous second delivery waits here for the first one's end.
fn remember(conn: &mut Conn, event: &str, now: Timestamp) -> Result<bool, ApiError> {
    let row = (stripe_events::id.eq(event), stripe_events::received_at.eq(now));
    let added = each!(conn, |native| diesel::insert_into(stripe_events::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(native))?;
    Ok(added == 1)
}

/// The first delivery may have taken access away, and may still wait for the other nodes. Then the second one waits as
/// long.
fn wait_for_the_first(
    conn: &mut Conn,
    access_change: &mut AccessChange,
    event: &str,
    rows: &[StripeSubscriptionRow],
    now: Timestamp,
) -> Result<(), ApiError> {
    let received: Timestamp = stripe_events::table.find(event).select(stripe_events::received_at).first(conn)?;
    if received.plus(MAY_BE_UNANSWERED) > now {
        for organization in rows.iter().filter_map(|row| row.organization_id) {
            let target = Target::organization(organization, None);
            let entry = Entry::new(Action::SubscriptionChanged, organization, target);
            access_change.revoking(entry.changed(json!({}), json!({})));
        }
    }
    Ok(())
}

/// Locks the organization. Returns whether it exists.
fn exists(conn: &mut Conn, organization: OrganizationId) -> Result<bool, ApiError> {
    let row = organizations::table.find(organization).select(organizations::id);
    Ok(ForUpdate(row).get_result::<OrganizationId>(conn).optional()?.is_some())
}

/// Computes the organization's state from `now` on from all of its Stripe subscriptions.
fn paid_by(
    conn: &mut Conn,
    config: &Config,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<Option<Paid>, ApiError> {
    let rows: Vec<(String, String)> = stripe_subscriptions::table
        .filter(stripe_subscriptions::organization_id.eq(organization))
        .select((stripe_subscriptions::id, stripe_subscriptions::history))
        .load(conn)?;
    let histories = rows.iter().map(|(id, text)| Ok((id.as_str(), parse(text)?)));
    let histories = histories.collect::<Result<Vec<(&str, History)>, ApiError>>()?;
    Ok(paid(config, histories.iter().map(|(id, history)| (*id, history)), now))
}

fn parse(history: &str) -> Result<History, ApiError> {
    serde_json::from_str(history).map_err(ApiError::internal)
}

impl News {
    fn customer(&self) -> &str {
        match self {
            Self::Subscription { customer, .. }
            | Self::Invoice { customer, .. }
            | Self::CheckoutSession { customer, .. } => customer,
        }
    }

    /// Adds the facts to the customer and its subscriptions.
    fn enter(
        self,
        event: &str,
        customer: &mut Customer,
        rows: &mut Vec<StripeSubscriptionRow>,
    ) -> Result<(), ApiError> {
        match self {
            Self::Subscription { id, snapshot, .. } => {
                StripeSubscriptionRow::find_or_add(rows, &customer.id, &id).revise(|history| history.learn(snapshot))
            }
            Self::Invoice { subscription, news, .. } => {
                StripeSubscriptionRow::find_or_add(rows, &customer.id, &subscription)
                    .revise(|history| history.hear(news))
            }
            Self::CheckoutSession { subscription, organization, completed, .. } => {
                if customer.organization_id.is_none()
                    || (completed, event) > (customer.tied_at, customer.tied_by.as_str())
                {
                    customer.organization_id = Some(organization);
                    (customer.tied_at, customer.tied_by) = (completed, event.to_owned());
                }
                if let Some(id) = subscription {
                    let row = StripeSubscriptionRow::find_or_add(rows, &customer.id, &id);
                    // A subscription has one session. If there are several, the choice must not depend on their order.
                    let known = row.session_organization_id.unwrap_or(organization);
                    row.session_organization_id = Some(known.min(organization));
                }
                Ok(())
            }
        }
    }
}

impl Customer {
    /// Locks the customer's row, and adds it first if it is missing.
    fn lock(conn: &mut Conn, id: &str) -> Result<Self, ApiError> {
        let new = Self { id: id.to_owned(), organization_id: None, tied_at: 0, tied_by: String::new() };
        each!(conn, |native| diesel::insert_into(stripe_customers::table)
            .values(&new)
            .on_conflict_do_nothing()
            .execute(native))?;
        Ok(ForUpdate(stripe_customers::table.find(id).select(Self::as_select())).get_result(conn)?)
    }

    fn save(&self, conn: &mut Conn) -> Result<(), ApiError> {
        diesel::update(stripe_customers::table.find(&self.id)).set(self).execute(conn)?;
        Ok(())
    }
}

impl StripeSubscriptionRow {
    fn of_customer(conn: &mut Conn, customer: &str) -> Result<Vec<Self>, ApiError> {
        let rows = stripe_subscriptions::table.filter(stripe_subscriptions::customer_id.eq(customer));
        Ok(rows.order(stripe_subscriptions::id).select(Self::as_select()).load(conn)?)
    }

    fn find_or_add<'r>(rows: &'r mut Vec<Self>, customer: &str, id: &str) -> &'r mut Self {
        let place = rows.iter().position(|row| row.id == id).unwrap_or_else(|| {
            rows.push(Self {
                id: id.to_owned(),
                customer_id: customer.to_owned(),
                session_organization_id: None,
                organization_id: None,
                history: NOTHING_KNOWN.to_owned(),
            });
            rows.len() - 1
        });
        &mut rows[place]
    }

    fn revise(&mut self, change: impl FnOnce(&mut History)) -> Result<(), ApiError> {
        let mut history = parse(&self.history)?;
        change(&mut history);
        self.history = serde_json::to_string(&history).map_err(ApiError::internal)?;
        Ok(())
    }

    /// Sets the organization from the metadata, else the session, else the customer.
    fn assign_organization(&mut self, customer: &Customer) -> Result<(), ApiError> {
        let history = parse(&self.history)?;
        let named = history.present().and_then(|present| present.snapshot.organization);
        self.organization_id = named.or(self.session_organization_id).or(customer.organization_id);
        Ok(())
    }

    fn save(&self, conn: &mut Conn) -> Result<(), ApiError> {
        each!(conn, |native| diesel::insert_into(stripe_subscriptions::table)
            .values(self)
            .on_conflict(stripe_subscriptions::id)
            .do_update()
            .set(self)
            .execute(native))?;
        Ok(())
    }
}
