//! An organization's subscription: status, plan and limits.

mod gate;
mod later;
pub(crate) mod model;
mod plan_names;

pub use gate::subscription_gate;
pub use later::LaterChoice;
pub use model::{Choice, EffectiveSubscription, Subscription, SubscriptionChange, Term};
pub use plan_names::PlanNames;
