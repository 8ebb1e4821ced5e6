//! [`Allowance`]: how a check ended, and how a response tells it.

use super::StoreDecision;
use super::bucket::{LimitStatus, Quota};
use crate::base::error::ApiError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use arrayvec::ArrayString;
use std::time::Duration;

/// `RateLimit-Policy`
pub const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// `RateLimit`
pub const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The limits of one plan, with the header that describes them.
#[derive(Clone, Debug)]
pub(super) struct PlanLimits {
    pub(super) key: Quota,
    pub(super) workspace: Quota,
    policy: HeaderValue,
}

/// How a check ended.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// Where the key stands.
    pub key: LimitStatus,
    /// Where its workspace stands.
    pub workspace: LimitStatus,
    refusal: Option<LimitRefusal>,
    policy: HeaderValue,
}

#[derive(Clone, Copy, Debug)]
struct LimitRefusal {
    message: &'static str,
    wait: Duration,
}

impl PlanLimits {
    pub(super) fn new(key: Quota, workspace: Quota) -> Self {
        let policy = |name, quota: &Quota| format!("\"{name}\";q={};w={}", quota.burst, whole_seconds(quota.window()));
        let text = format!("{}, {}", policy("key", &key), policy("workspace", &workspace));
        // Digits and plain letters are always a header's value.
        let policy = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
        Self { key, workspace, policy }
    }

    /// What a caller is told of an outcome.
    pub(super) fn allowance(&self, outcome: StoreDecision, cost: f64) -> Allowance {
        let StoreDecision { admitted, key_used, workspace_used } = outcome;
        let refusal = (!admitted).then(|| {
            let message = if self.key.fits(key_used, cost) {
                "The workspace's rate limit is reached. Try again later."
            } else {
                "The API key's rate limit is reached. Try again later."
            };
            LimitRefusal {
                message,
                wait: wait(&self.key, key_used, cost).max(wait(&self.workspace, workspace_used, cost)),
            }
        });
        Allowance {
            key: self.key.standing(key_used),
            workspace: self.workspace.standing(workspace_used),
            refusal,
            policy: self.policy.clone(),
        }
    }
}

/// Until the cost fits; until all of the limit is free for a cost that is above it.
fn wait(quota: &Quota, used: f64, cost: f64) -> Duration {
    quota.time_for(used - (f64::from(quota.burst) - cost).max(0.0))
}

impl Allowance {
    /// Whether the request is admitted, and charged.
    pub fn admits(&self) -> bool {
        self.refusal.is_none()
    }

    /// Why the request is refused; `None` if it is admitted, and charged.
    ///
    /// The error is `rate_limited` with `Retry-After`: whole seconds, rounded up, so that who waits for them is not
    /// refused by what it used before.
    pub fn refusal(&self) -> Option<ApiError> {
        let LimitRefusal { message, wait } = self.refusal?;
        Some(ApiError::rate_limited(message, wait))
    }

    /// Of the two limits the one that leaves less: what decides about the next request.
    pub fn tighter(&self) -> &LimitStatus {
        if self.workspace.remaining < self.key.remaining { &self.workspace } else { &self.key }
    }

    /// Whole seconds, rounded up, until there is more: after a refusal, until the same request is admitted.
    pub fn more_in_seconds(&self) -> u64 {
        match self.refusal {
            Some(refusal) => whole_seconds(refusal.wait),
            None => rounded_up(self.tighter().next_in),
        }
    }

    /// Puts `RateLimit-Policy` and `RateLimit` on a response, which has neither yet.
    ///
    /// Cost: the policy was written when the plan was read; the other is put together on the stack, without `Display`, and
    /// copied once.
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        // Both names, and four numbers of at most 20 digits, have room.
        let mut text = ArrayString::<128>::new();
        for (name, standing) in [("\"key\";r=", &self.key), (", \"workspace\";r=", &self.workspace)] {
            text.push_str(name);
            text.push_str(itoa::Buffer::new().format(standing.remaining));
            text.push_str(";t=");
            text.push_str(itoa::Buffer::new().format(rounded_up(standing.next_in)));
        }
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.append(RATELIMIT, value);
        }
        headers.append(RATELIMIT_POLICY, self.policy.clone());
    }
}

/// Rounded up, and at least one.
fn whole_seconds(duration: Duration) -> u64 {
    rounded_up(duration).max(1)
}

fn rounded_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
