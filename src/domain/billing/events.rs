//! Stripe's events, in the shapes of API version [`API_VERSION`] and of older ones.
//!
//! A subscription's period is that of its items (`items.data[].current_period_end`) or its own, and an invoice names its
//! subscription in `parent.subscription_details` or in `subscription`. An event that fits neither is an error with the
//! path of the field. Of the pinned version it is refused; of another one it is [`Misunderstood`].

use super::history::{Collection, InvoiceNews, Snapshot, StripeStatus};
use super::shape;
use crate::base::error::ApiError;
use crate::base::ids::OrganizationId;
use crate::base::input::from_slice;
use crate::base::input::validation::Object;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// The API version that the webhook endpoint at Stripe should have. Others of a known shape work too.
pub const API_VERSION: &str = "2025-03-31.basil";

/// An event of Stripe's.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct StripeEvent {
    /// The event's id.
    #[serde(deserialize_with = "id")]
    #[schema(example = "evt_1NG8Du2eZvKYlo2CUI79vXWy")]
    pub(crate) id: String,
    /// What happened.
    #[schema(example = "customer.subscription.updated")]
    pub(crate) r#type: String,
    /// The API version that shaped it.
    #[serde(default)]
    #[schema(example = "2025-03-31.basil")]
    api_version: Option<String>,
    /// When, in seconds since 1970.
    #[schema(example = 1_686_089_970)]
    created: i64,
    /// What it happened to.
    data: EventData,
}

/// The `object` of an event. It tells a thin event, whose shape is another.
#[derive(Deserialize)]
struct Envelope {
    object: Option<String>,
}

/// The start of a thin event's `object`.
const THIN: &str = "v2.";

/// An event of another API version than [`API_VERSION`], whose shape is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misunderstood {
    pub api_version: String,
    /// The path of the field that differs.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What an event is about.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
struct EventData {
    /// The subscription, the invoice or the Checkout session, as it was then.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    object: Value,
    /// What an update replaced.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Value>>)]
    previous_attributes: Option<Value>,
}

/// The facts of an event that matter here.
#[derive(Clone, Debug)]
pub enum News {
    /// A version of a subscription.
    Subscription { id: String, customer: String, snapshot: Snapshot },
    /// A paid invoice, or a failed payment.
    Invoice { subscription: String, customer: String, news: InvoiceNews },
    /// A Checkout session. It ties a customer and its subscription to an organization.
    CheckoutSession {
        customer: String,
        /// `None` for a session without a subscription.
        subscription: Option<String>,
        organization: OrganizationId,
        /// Completion of the session, in seconds since 1970.
        completed: i64,
    },
}

#[derive(Deserialize)]
struct StripeSubscription {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(deserialize_with = "id")]
    customer: String,
    status: StripeStatus,
    items: List<Item>,
    created: i64,
    /// Until API version 2025-03-31.basil.
    current_period_end: Option<i64>,
    trial_end: Option<i64>,
    cancel_at: Option<i64>,
    pause_collection: Option<Pause>,
    latest_invoice: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Pause {
    behavior: Collection,
}

#[derive(Deserialize)]
struct List<T> {
    data: Vec<T>,
}

#[derive(Deserialize)]
struct Item {
    price: Price,
    current_period_end: Option<i64>,
}

#[derive(Deserialize)]
struct Price {
    id: String,
}

#[derive(Default, Deserialize)]
struct Metadata {
    organization_id: Option<String>,
}

#[derive(Deserialize)]
struct Invoice {
    #[serde(deserialize_with = "id")]
    id: String,
    customer: Option<String>,
    /// The outer `None`: there is no such field.
    #[serde(default, deserialize_with = "shape::present")]
    parent: Option<Option<Parent>>,
    /// Until API version 2025-03-31.basil.
    #[serde(default, deserialize_with = "shape::present")]
    subscription: Option<Option<String>>,
}

#[derive(Deserialize)]
struct Parent {
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Deserialize)]
struct SubscriptionDetails {
    #[serde(deserialize_with = "id")]
    subscription: String,
}

#[derive(Deserialize)]
struct CheckoutSession {
    customer: Option<String>,
    subscription: Option<String>,
    client_reference_id: Option<String>,
}

impl StripeEvent {
    /// Parses the body of a request with a verified signature. `None` for a thin event, which has no facts in it.
    ///
    /// # Errors
    /// `bad_request` for a body that is not JSON, `validation_failed` for another shape.
    pub fn read(body: &[u8]) -> Result<Option<Self>, ApiError> {
        let Object(Envelope { object }) = from_slice(body)?;
        if object.is_some_and(|object| object.starts_with(THIN)) {
            return Ok(None);
        }
        from_slice(body).map(|Object(event)| Some(event))
    }

    /// Returns what to say of an event whose [`StripeEvent::news`] are this error: `None` for the pinned API version,
    /// and for one that is not named, which are refused.
    pub fn misunderstood(&self, error: &ApiError) -> Option<Misunderstood> {
        let api_version = self.api_version.clone().filter(|version| version != API_VERSION)?;
        let detail = error.details.first()?;
        Some(Misunderstood { api_version, field: detail.field.clone(), reason: detail.message.clone() })
    }

    /// Returns the facts. `None` for events of other types, invoices without a subscription, and sessions without an
    /// organization.
    ///
    /// # Errors
    /// `validation_failed` with the field that has no known shape.
    pub fn news(&self) -> Result<Option<News>, ApiError> {
        match self.r#type.as_str() {
            "customer.subscription.created"
            | "customer.subscription.updated"
            | "customer.subscription.deleted"
            | "customer.subscription.paused"
            | "customer.subscription.resumed" => self.subscription().map(Some),
            "invoice.paid" => self.invoice(true),
            "invoice.payment_failed" => self.invoice(false),
            "checkout.session.completed" => self.session(),
            _ => Ok(None),
        }
    }

    fn subscription(&self) -> Result<News, ApiError> {
        let object: StripeSubscription = shape::read(&self.data.object)?;
        let mut period_ends = BTreeMap::new();
        for (place, Item { price, current_period_end }) in object.items.data.iter().enumerate() {
            let end = current_period_end.or(object.current_period_end);
            let end = end.ok_or_else(|| shape::missing(&format!("items.data[{place}].current_period_end")))?;
            let latest = period_ends.entry(price.id.clone()).or_insert(end);
            *latest = end.max(*latest);
        }
        let before = self.data.previous_attributes.as_ref();
        let replaced = |name: &str| before.and_then(|before| before.get(name));
        // A deleted subscription has ended, whatever its status.
        let is_over = self.r#type.ends_with(".deleted") && !object.status.is_final();
        let snapshot = Snapshot {
            created: self.created,
            event: self.id.clone(),
            is_first: self.r#type.ends_with(".created"),
            status: if is_over { StripeStatus::Canceled } else { object.status },
            replaced_status: replaced("status").and_then(|status| status.as_str()?.parse().ok()),
            prices: object.items.data.iter().map(|item| item.price.id.clone()).collect(),
            replaced_prices: replaced("items").and_then(|items| {
                let items = List::<Priced>::deserialize(items).ok()?;
                Some(items.data.into_iter().map(|item| item.price.id).collect())
            }),
            period_end: period_ends.values().copied().max(),
            period_ends,
            trial_end: object.trial_end,
            cancel_at: object.cancel_at,
            latest_invoice: object.latest_invoice,
            organization: object.metadata.and_then(|metadata| metadata.organization_id?.parse().ok()),
            subscribed_at: object.created,
            collection: object.pause_collection.map_or(Collection::Automatic, |pause| pause.behavior),
            replaced_collection: replaced("pause_collection").and_then(|pause| match pause {
                Value::Null => Some(Collection::Automatic),
                pause => Pause::deserialize(pause).ok().map(|pause| pause.behavior),
            }),
        };
        Ok(News::Subscription { id: object.id, customer: object.customer, snapshot })
    }

    fn invoice(&self, is_paid: bool) -> Result<Option<News>, ApiError> {
        let object: Invoice = shape::read(&self.data.object)?;
        let subscription = match (object.parent, object.subscription) {
            (None, None) => return Err(shape::missing("parent")),
            (Some(parent), subscription) => {
                let details = parent.and_then(|parent| parent.subscription_details);
                details.map(|details| details.subscription).or(subscription.flatten())
            }
            (None, Some(subscription)) => subscription,
        };
        let (Some(customer), Some(subscription)) = (object.customer, subscription) else { return Ok(None) };
        let news = InvoiceNews { invoice: object.id, created: self.created, is_paid, event: self.id.clone() };
        let (subscription, customer) = (checked("subscription", subscription)?, checked("customer", customer)?);
        Ok(Some(News::Invoice { subscription, customer, news }))
    }

    fn session(&self) -> Result<Option<News>, ApiError> {
        let object: CheckoutSession = shape::read(&self.data.object)?;
        let organization = object.client_reference_id.and_then(|id| id.parse().ok());
        let (Some(customer), Some(organization)) = (object.customer, organization) else { return Ok(None) };
        let customer = checked("customer", customer)?;
        let subscription = object.subscription.map(|id| checked("subscription", id)).transpose()?;
        Ok(Some(News::CheckoutSession { customer, subscription, organization, completed: self.created }))
    }
}

#[derive(Deserialize)]
struct Priced {
    price: Price,
}

/// The longest id that Stripe makes; its documentation says 255.
const MAX_ID_LENGTH: usize = 255;

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_id(&text) { Ok(text) } else { Err(serde::de::Error::custom("must be an id of Stripe's")) }
}

fn checked(field: &str, text: String) -> Result<String, ApiError> {
    if is_id(&text) {
        Ok(text)
    } else {
        Err(ApiError::invalid(format!("data.object.{field}"), "must be an id of Stripe's"))
    }
}
