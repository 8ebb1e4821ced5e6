//! The subscription gate: programs of an organization that does not pay are refused; its people never are, so that
//! an admin can still mend it.

use super::EffectiveSubscription;
use crate::base::config::Config;
use crate::base::error::{ApiError, Code};

/// Lets a program pass, or says why not.
///
/// # Errors
/// `subscription_inactive` for `canceled`, `expired`, and `past_due` without grace, where the gate is enforced.
pub fn subscription_gate(config: &Config, subscription: EffectiveSubscription) -> Result<(), ApiError> {
    if !config.subscription.enforce || subscription.admits {
        return Ok(());
    }
    Err(Code::SubscriptionInactive.into())
}
