//! [`History`]: the known events of one Stripe subscription, and its present state.
//!
//! Stripe promises no order, delivers twice, and dates events in whole seconds. So a history is a set, and the present
//! state is a function of the set, never of the order of arrival:
//! 1. A subscription that ended stays ended, whatever the dates: Stripe revives none.
//! 2. Else the newest version counts, by the second in which Stripe made it.
//! 3. Of several versions of one second, the creation is the earliest. A version that names another version's status,
//!    prices or collection as replaced (`previous_attributes`) is later than that one. If neither decides, the version with less
//!    access counts.
//! 4. A paid invoice or a failed payment counts while it is newer than all versions, and only if it is the
//!    subscription's latest invoice: the status of the next version includes it.
//!
//! Facts that can't matter any more are dropped: versions before the newest one that is not past due (the later
//! versions show the start of the past-due time), and invoices that are not newer than the newest version.

use crate::base::ids::OrganizationId;
use crate::base::sql::text_enum;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

text_enum! {
    /// The status of a subscription at Stripe. The order matters: of two versions of one second, the one with the later
    /// status in this list counts, unless one names the other as replaced.
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
    /// Whether the status never changes again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

text_enum! {
    /// How Stripe collects the payments of a subscription. The order matters as that of [`StripeStatus`] does.
    Collection {
        /// As usual.
        Automatic = "automatic",
        /// Paused; the invoices stay drafts.
        KeepAsDraft = "keep_as_draft",
        /// Paused; the invoices are marked as uncollectible.
        MarkUncollectible = "mark_uncollectible",
        /// Paused; the invoices are voided.
        Void = "void",
    }
}

/// One version of a subscription, from one event. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Snapshot {
    /// When Stripe made the event.
    pub created: i64,
    /// The event's id.
    pub event: String,
    /// Whether it is the subscription's first version.
    pub is_first: bool,
    pub status: StripeStatus,
    /// The status that this version replaced, if the event has it.
    pub replaced_status: Option<StripeStatus>,
    pub prices: Vec<String>,
    /// The prices that this version replaced, if the event has them.
    pub replaced_prices: Option<Vec<String>>,
    /// The end of the paid period, the latest of all items.
    pub period_end: Option<i64>,
    pub trial_end: Option<i64>,
    /// The scheduled end, if any.
    pub cancel_at: Option<i64>,
    pub latest_invoice: Option<String>,
    /// From the metadata.
    pub organization: Option<OrganizationId>,
    /// The creation of the subscription.
    pub subscribed_at: i64,
    /// The end of the paid period of each price. Empty in versions that were stored by an earlier release.
    #[serde(default)]
    pub period_ends: BTreeMap<String, i64>,
    #[serde(default = "automatic")]
    pub collection: Collection,
    /// The collection that this version replaced, if the event has it.
    #[serde(default)]
    pub replaced_collection: Option<Collection>,
}

/// The collection of versions that were stored by an earlier release.
fn automatic() -> Collection {
    Collection::Automatic
}

/// The payment of an invoice, or its failure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InvoiceNews {
    /// The invoice's id.
    pub invoice: String,
    /// When Stripe made the event, in seconds since 1970.
    pub created: i64,
    /// If false, the payment failed.
    pub is_paid: bool,
    /// The event's id.
    pub event: String,
}

/// The known events of a subscription; see the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Sorted, so that equal sets are equal texts.
    snapshots: Vec<Snapshot>,
    invoices: Vec<InvoiceNews>,
}

/// The present state of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present<'h> {
    /// The newest version.
    pub snapshot: &'h Snapshot,
    /// The version's status, or the status by a newer invoice.
    pub status: StripeStatus,
    /// The start of the past-due time, in seconds since 1970. `None` if the status is not past due.
    pub past_due_since: Option<i64>,
}

impl History {
    /// Adds a version.
    pub fn learn(&mut self, snapshot: Snapshot) {
        self.snapshots.push(snapshot);
        self.tidy();
    }

    /// Adds the payment of an invoice, or its failure.
    pub fn hear(&mut self, news: InvoiceNews) {
        self.invoices.push(news);
        self.tidy();
    }

    /// Drops facts that can't matter any more, whatever arrives later.
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

    /// Returns the present state; `None` before the first version.
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

    /// Returns the latest version of a second.
    fn latest_of(&self, second: i64) -> Option<&Snapshot> {
        let ties = || self.snapshots.iter().filter(|version| version.created == second);
        let is_replaced = |version: &&Snapshot| ties().any(|other| other.replaces(version) && !version.replaces(other));
        let strictness =
            |version: &&Snapshot| (version.status, version.collection, version.period_end, version.event.clone());
        let last = ties().filter(|version| !is_replaced(version)).max_by_key(strictness);
        last.or_else(|| ties().max_by_key(strictness))
    }

    /// Returns the first second of the unbroken run of past-due versions up to the newest.
    fn past_due_since(&self, newest: &Snapshot) -> Option<i64> {
        if newest.status != StripeStatus::PastDue {
            return None;
        }
        // The first stored version is of the newest second with a version that is not past due, if there is one.
        let first = self.snapshots.first()?.created;
        let was_due = self.latest_of(first).is_some_and(|version| version.status == StripeStatus::PastDue);
        let mut seconds = self.snapshots.iter().map(|version| version.created);
        if was_due { Some(first) } else { seconds.find(|second| *second > first) }
    }
}

impl Snapshot {
    /// Whether this version says that it came after the other one.
    fn replaces(&self, other: &Self) -> bool {
        if self.is_first || other.is_first {
            return other.is_first && !self.is_first;
        }
        let by_status = self.replaced_status.map(|before| before == other.status && self.status != other.status);
        let before = self.replaced_prices.as_ref();
        let by_prices = before.map(|before| *before == other.prices && self.prices != other.prices);
        let by_collection =
            self.replaced_collection.map(|before| before == other.collection && self.collection != other.collection);
        let says = [by_status, by_prices, by_collection];
        says.contains(&Some(true)) && !says.contains(&Some(false))
    }
}

#[cfg(test)]
mod tests;
