//! [`SubscriptionStatus`]: the state of a subscription.

use crate::base::sql::text_enum;

text_enum! {
    /// Where a subscription stands.
    SubscriptionStatus {
        /// In its trial.
        Trialing = "trialing",
        /// Paid.
        Active = "active",
        /// Ended by the customer.
        Canceled = "canceled",
        /// Its trial or period ended.
        Expired = "expired",
        /// A payment is due.
        PastDue = "past_due",
    }
}
