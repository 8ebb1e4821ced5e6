//! Subscriptions by the payment provider: Stripe's webhook, `POST /billing/stripe/webhook`.
//!
//! # The way of an event
//! [`signature`] verifies that Stripe sent the body recently. [`events`] parses it, in the shapes of API version
//! [`API_VERSION`] and of older ones. [`model`] stores it in one transaction: the event's id, the facts about its subscription
//! ([`History`]), and the customer's organization. If the organization's state by Stripe changes ([`mapping`]), its
//! subscription changes too, on every node before the response.
//!
//! # In any order, and any number of times
//! Nothing depends on the order of arrival. A subscription is stored as a set of versions. Only versions that no later
//! arrival can make matter again are dropped. The present state is computed from the set. So an event may come first,
//! come twice, or come before its organization is known: see [`history`].
//!
//! # The organization of a subscription
//! `metadata.organization_id` of the subscription; without it, `client_reference_id` of the Checkout session that made
//! the subscription; without that, `client_reference_id` of the customer's newest session. Events are stored until one
//! of them is known. An organization with several subscriptions has the best of them: see [`mapping`]. A person who can choose these
//! values can pay for another organization: make Checkout sessions on your own server, not by a link that customers can
//! edit.
//!
//! # Locks
//! The event's id, the customer, then organizations in the order of their ids. So two deliveries of one event, two
//! events of one customer, and two customers of one organization each wait for one another.

pub(crate) mod events;
mod history;
mod mapping;
mod metrics;
pub(crate) mod model;
mod shape;
pub(crate) mod signature;

pub use events::API_VERSION;
pub use history::{Collection, History, InvoiceNews, Snapshot, StripeStatus};
pub use metrics::{WebhookOutcome, Webhooks};
