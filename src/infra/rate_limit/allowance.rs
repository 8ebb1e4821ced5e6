//! [`Allowance`]: the result of a check, and the response headers that show it.

use super::StoreDecision;
use super::bucket::{LimitStatus, Quota};
use crate::base::error::ApiError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use arrayvec::ArrayString;
use std::time::Duration;

pub const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The limits of one plan, with the header that describes them.
#[derive(Clone, Debug)]
pub(super) struct PlanLimits {
    pub(super) key: Quota,
    pub(super) workspace: Quota,
    policy: HeaderValue,
    has_x_headers: bool,
}

/// The result of a check.
#[derive(Clone, Debug)]
pub struct Allowance {
    pub key: LimitStatus,
    pub workspace: LimitStatus,
    refusal: Option<LimitRefusal>,
    policy: HeaderValue,
    has_x_headers: bool,
}

#[derive(Clone, Copy, Debug)]
struct LimitRefusal {
    message: &'static str,
    wait: Duration,
}

impl PlanLimits {
    pub(super) fn new(key: Quota, workspace: Quota, has_x_headers: bool) -> Self {
        let policy = |name, quota: &Quota| format!("\"{name}\";q={};w={}", quota.burst, whole_seconds(quota.window()));
        let text = format!("{}, {}", policy("key", &key), policy("workspace", &workspace));
        // The text is ASCII, which is always a valid header value.
        let policy = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
        Self { key, workspace, policy, has_x_headers }
    }

    /// Returns the result of a check with this decision.
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
            key: self.key.status(key_used),
            workspace: self.workspace.status(workspace_used),
            refusal,
            policy: self.policy.clone(),
            has_x_headers: self.has_x_headers,
        }
    }
}

/// Returns the time until the cost fits. For a cost above the burst, the time until the bucket is empty.
fn wait(quota: &Quota, used: f64, cost: f64) -> Duration {
    quota.time_for(used - (f64::from(quota.burst) - cost).max(0.0))
}

impl Allowance {
    /// Returns whether the request was admitted, and so charged.
    pub fn admits(&self) -> bool {
        self.refusal.is_none()
    }

    /// Returns the error of a refused request; `None` if the request was admitted, and so charged.
    ///
    /// The error is `rate_limited` with `Retry-After` in whole seconds, rounded up: a client that waits so long is not
    /// refused because of earlier requests.
    pub fn refusal(&self) -> Option<ApiError> {
        let LimitRefusal { message, wait } = self.refusal?;
        Some(ApiError::rate_limited(message, wait))
    }

    /// Returns the limit with fewer remaining requests, which decides on the next request.
    pub fn tighter(&self) -> &LimitStatus {
        if self.workspace.remaining < self.key.remaining { &self.workspace } else { &self.key }
    }

    /// Returns the seconds, rounded up, until more requests are allowed; after a refusal, until the same request is.
    pub fn more_in_seconds(&self) -> u64 {
        match self.refusal {
            Some(refusal) => whole_seconds(refusal.wait),
            None => rounded_up(self.tighter().next_in),
        }
    }

    /// Adds `RateLimit-Policy` and `RateLimit` to a response that has neither, and by `rate_limit.x_headers` the older
    /// headers, which have room for one limit: the tighter one.
    ///
    /// Cost: the policy is a clone of a prepared value. The other value is built on the stack, without `Display`, and
    /// copied once.
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        // Room for both names, and four numbers of at most 20 digits.
        let mut text = ArrayString::<128>::new();
        for (name, status) in [("\"key\";r=", &self.key), (", \"workspace\";r=", &self.workspace)] {
            text.push_str(name);
            text.push_str(itoa::Buffer::new().format(status.remaining));
            text.push_str(";t=");
            text.push_str(itoa::Buffer::new().format(rounded_up(status.next_in)));
        }
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.append(RATELIMIT, value);
        }
        headers.append(RATELIMIT_POLICY, self.policy.clone());
        if self.has_x_headers {
            let status = self.tighter();
            headers.append(X_RATELIMIT_LIMIT, status.limit.into());
            headers.append(X_RATELIMIT_REMAINING, status.remaining.into());
            headers.append(X_RATELIMIT_RESET, self.more_in_seconds().into());
        }
    }
}

/// Rounds up to whole seconds, at least 1.
fn whole_seconds(duration: Duration) -> u64 {
    rounded_up(duration).max(1)
}

fn rounded_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
