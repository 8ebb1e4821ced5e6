//! The subscription gate rejects API clients of an organization without an active subscription. It never rejects users,
//! so that an admin can renew the subscription.

use super::EffectiveSubscription;
use crate::base::config::Config;
use crate::base::error::{ApiError, Code};

/// Checks that the subscription admits API clients.
///
/// # Errors
/// `subscription_inactive` for `canceled`, `expired`, and `past_due` without grace, where the gate is enforced.
pub fn subscription_gate(config: &Config, subscription: EffectiveSubscription) -> Result<(), ApiError> {
    if !config.subscription.enforce || subscription.admits {
        return Ok(());
    }
    Err(Code::SubscriptionInactive.into())
}
