//! [`History`]: what events told of one Stripe subscription, and what counts of it.
//!
//! Stripe promises no order, delivers twice, and dates events in whole seconds. So this is a set, and what counts is a
//! function of the set, never of the order of arrival:
//! 1. A subscription that ended stays so: Stripe revives none. No date weighs against that.
//! 2. Else the newest version counts, by the second in which Stripe made it.
//! 3. Of several of one second, the creation is the earliest, and one that says that it replaced another
//!    (`previous_attributes`: the other's status, the other's prices) is the later one. Where that says nothing, the one with less access counts.
//! 4. An invoice that was paid, or failed, counts while it is newer than all versions, and only if it is the
//!    subscription's latest: the next version has it in its own status.
//!
//! What can't matter any more is dropped: versions from before the newest one that is not past due (those since say since
//! when it is), and invoices that are not newer than the newest version.

use crate::base::ids::OrganizationId;
use crate::base::sql::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Where a subscription stands at Stripe. In this order: of two of one second, the later one of these counts, unless
    /// they say themselves which of them is newer.
    StripeStatus {
        /// In its trial.
        Trialing = "trialing",
        /// Paid.
        Active = "active",
        /// Its first payment is to come.
        Incomplete = "incomplete",
        /// The latest payment failed, and is tried again.
        PastDue = "past_due",
        /// The latest payment failed for good; the subscription goes on.
        Unpaid = "unpaid",
        /// Its trial ended without a way to pay.
        Paused = "paused",
        /// The first payment never came.
        IncompleteExpired = "incomplete_expired",
        /// It ended.
        Canceled = "canceled",
    }
}

impl StripeStatus {
    /// Whether it stays so for ever.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

/// One version of a subscription, as an event brought it. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Snapshot {
    /// When Stripe made the event.
    pub created: i64,
    /// The event's id.
    pub event: String,
    /// Whether it is the subscription's first version.
    pub is_first: bool,
    /// Where the subscription stood.
    pub status: StripeStatus,
    /// The status that this version replaced, if it says so.
    pub replaced_status: Option<StripeStatus>,
    /// What is paid for.
    pub prices: Vec<String>,
    /// The prices that this version replaced, if it says so.
    pub replaced_prices: Option<Vec<String>>,
    /// Until when it is paid.
    pub period_end: Option<i64>,
    /// When its trial ends.
    pub trial_end: Option<i64>,
    /// When it is to end, if that was decided.
    pub cancel_at: Option<i64>,
    /// The newest invoice.
    pub latest_invoice: Option<String>,
    /// The organization, by the metadata.
    pub organization: Option<OrganizationId>,
    /// When the subscription was made.
    pub subscribed_at: i64,
}

/// What became of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InvoiceNews {
    /// Which one.
    pub invoice: String,
    /// When Stripe made the event, in seconds since 1970.
    pub created: i64,
    /// Whether it was paid; else the payment failed.
    pub is_paid: bool,
    /// The event's id.
    pub event: String,
}

/// What is known of a subscription; see the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Sorted, so that equal sets are equal texts.
    snapshots: Vec<Snapshot>,
    invoices: Vec<InvoiceNews>,
}

/// What counts of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present<'h> {
    /// The newest version.
    pub snapshot: &'h Snapshot,
    /// Its status, or what an invoice made of it since.
    pub status: StripeStatus,
    /// Since when it is past due, if it is: seconds since 1970.
    pub past_due_since: Option<i64>,
}

impl History {
    /// Adds a version.
    pub fn learn(&mut self, snapshot: Snapshot) {
        self.snapshots.push(snapshot);
        self.tidy();
    }

    /// Adds what became of an invoice.
    pub fn hear(&mut self, news: InvoiceNews) {
        self.invoices.push(news);
        self.tidy();
    }

    /// Drops what can't matter any more, whatever comes.
    fn tidy(&mut self) {
        self.snapshots.sort();
        self.snapshots.dedup_by(|one, other| one.event == other.event);
        if let Some(end) = self.snapshots.iter().filter(|version| version.status.is_final()).max().cloned() {
            (self.snapshots, self.invoices) = (vec![end], Vec::new());
            return;
        }
        let not_due = self.snapshots.iter().filter(|version| version.status != StripeStatus::PastDue);
        if let Some(since) = not_due.map(|version| version.created).max() {
            self.snapshots.retain(|version| version.created >= since);
        }
        let newest = self.snapshots.last().map_or(i64::MIN, |version| version.created);
        self.invoices.retain(|news| news.created > newest);
        self.invoices.sort_by(|a, b| {
            let key = |news: &InvoiceNews| (news.invoice.clone(), news.created, news.is_paid, news.event.clone());
            key(b).cmp(&key(a))
        });
        self.invoices.dedup_by(|later, kept| later.invoice == kept.invoice);
    }

    /// What counts, once there is a version.
    pub fn present(&self) -> Option<Present<'_>> {
        let newest = self.snapshots.last()?.created;
        let snapshot = self.latest_of(newest)?;
        let mut present = Present { snapshot, status: snapshot.status, past_due_since: self.past_due_since(snapshot) };
        let latest = self.invoices.iter().find(|news| Some(&news.invoice) == snapshot.latest_invoice.as_ref());
        match (latest, snapshot.status) {
            (Some(news), StripeStatus::Incomplete | StripeStatus::PastDue | StripeStatus::Unpaid) if news.is_paid => {
                (present.status, present.past_due_since) = (StripeStatus::Active, None);
            }
            (Some(news), StripeStatus::Active) if !news.is_paid => {
                (present.status, present.past_due_since) = (StripeStatus::PastDue, Some(news.created));
            }
            _ => {}
        }
        Some(present)
    }

    /// The last version of a second.
    fn latest_of(&self, second: i64) -> Option<&Snapshot> {
        let ties = || self.snapshots.iter().filter(|version| version.created == second);
        let is_replaced = |version: &&Snapshot| ties().any(|other| other.replaces(version) && !version.replaces(other));
        let strictness = |version: &&Snapshot| (version.status, version.period_end, version.event.clone());
        let last = ties().filter(|version| !is_replaced(version)).max_by_key(strictness);
        last.or_else(|| ties().max_by_key(strictness))
    }

    /// The first second of the past due versions without another in between.
    fn past_due_since(&self, newest: &Snapshot) -> Option<i64> {
        if newest.status != StripeStatus::PastDue {
            return None;
        }
        // What is kept begins with the newest second that had a version that was not past due, if there was one.
        let first = self.snapshots.first()?.created;
        let was_due = self.latest_of(first).is_some_and(|version| version.status == StripeStatus::PastDue);
        let mut seconds = self.snapshots.iter().map(|version| version.created);
        if was_due { Some(first) } else { seconds.find(|second| *second > first) }
    }
}

impl Snapshot {
    /// Whether it says that it came after the other one.
    fn replaces(&self, other: &Self) -> bool {
        if self.is_first || other.is_first {
            return other.is_first && !self.is_first;
        }
        let by_status = self.replaced_status.map(|before| before == other.status && self.status != other.status);
        let before = self.replaced_prices.as_ref();
        let by_prices = before.map(|before| *before == other.prices && self.prices != other.prices);
        let says = [by_status, by_prices];
        says.contains(&Some(true)) && !says.contains(&Some(false))
    }
}

#[cfg(test)]
mod tests;
