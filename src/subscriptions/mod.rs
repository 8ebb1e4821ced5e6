//! What an organization has paid for: status, plan and the limits that go with it.

mod handlers;
mod model;
mod plan_name;

pub use handlers::*;
pub use model::{Standing, Status, Subscription, SubscriptionChange, Term};
pub use plan_name::PlanName;
