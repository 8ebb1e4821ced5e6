//! Rate limits: what a key and a workspace may do, on one node and on several that share Redis.
//!
//! Most tests allow one request a minute, so that what a slow machine takes for a test does not matter.

mod memory;
mod outages;
mod shared;

use crate::support::harness::Test;
use crate::support::http::Answer;
use keyward::base::config::Config;

pub fn tests() -> Vec<Test> {
    [memory::tests(), outages::tests(), shared::tests(), shared::tests_once()].into_iter().flatten().collect()
}

/// One request a minute for a key and for a workspace, and these bursts.
fn limit(config: &mut Config, burst: u32, workspace_burst: u32) {
    let plan = config.plans.get_mut("free").expect("there is a free plan");
    (plan.requests_per_minute, plan.burst) = (1, burst);
    (plan.workspace_requests_per_minute, plan.workspace_burst) = (Some(1), Some(workspace_burst));
}

/// What `RateLimit` says is left to the key and to the workspace.
#[track_caller]
fn left(answer: &Answer) -> (u32, u32) {
    let text = answer.header("ratelimit").unwrap_or_else(|| panic!("no RateLimit in {:?}", answer.headers));
    let number_after = |name: &str| {
        let (_, rest) = text.split_once(&format!("\"{name}\";r=")).expect("the limit is named");
        rest.split(';').next().and_then(|digits| digits.parse().ok()).expect("a number")
    };
    (number_after("key"), number_after("workspace"))
}
