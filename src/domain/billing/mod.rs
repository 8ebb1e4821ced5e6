//! What the payment provider tells of subscriptions: Stripe's webhook, `POST /billing/stripe/webhook`.
//!
//! # The way of an event
//! [`signature`] proves that Stripe sent these bytes lately; [`events`] reads them, in the shapes of API version
//! [`API_VERSION`]; [`model`] takes them in, in one transaction: it remembers the event's id, what the event tells of its
//! subscription ([`History`]) and which organization the customer is; and where that changes what the organization has
//! paid for ([`mapping`]), it changes its subscription, which reaches every node before the answer.
//!
//! # In any order, and any number of times
//! Nothing depends on the order of arrival. What is stored of a subscription is a set of versions, from which only those
//! are dropped that no later arrival can make matter again; what counts is computed from the set. So it makes no
//! difference which event came first, came twice, or came before anybody knew whose it was: see [`history`].
//!
//! # Whose a subscription is
//! `metadata.organization_id` of the subscription; without it, `client_reference_id` of the Checkout session that
//! made it; without that, the one of the customer's newest session. Until one is known, what came is remembered. An
//! organization with several subscriptions has the best of them. Whoever can choose these values can pay for another
//! organization: make Checkout sessions on a server of your own, not by a link that customers can edit.
//!
//! # Locks
//! The event's id, the customer, then organizations in the order of their ids: two deliveries of one event, two events of
//! one customer, and two customers of one organization each wait for one another.

pub(crate) mod events;
mod history;
mod mapping;
mod metrics;
pub(crate) mod model;
pub(crate) mod signature;

pub use events::API_VERSION;
pub use history::{History, InvoiceNews, Snapshot, StripeStatus};
pub use metrics::{WebhookOutcome, Webhooks};
