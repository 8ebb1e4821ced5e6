//! An organization's subscription: status, plan and limits.

mod gate;
pub(crate) mod model;
mod plan_names;

pub use gate::subscription_gate;
pub use model::{EffectiveSubscription, Subscription, SubscriptionChange, Term};
pub use plan_names::PlanNames;
