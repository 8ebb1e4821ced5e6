//! Compares admitted with allowed requests, in memory, with a clock that the test moves: they differ by at most 1 %, at
//! rates up to 1,000 a second.

use crate::base::ids::{KeyId, WorkspaceId};
use crate::infra::rate_limit::bucket::Quota;
use crate::infra::rate_limit::memory::MemoryStore;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;
const PLENTY: (u32, u32) = (60_000_000, 1_000_000);
/// Requests per minute, and burst.
const LIMITS: [(u32, u32); 5] = [(60, 1), (600, 100), (6000, 1000), (60_000, 100), (60_000, 1000)];

struct Caller {
    store: MemoryStore,
    key: KeyId,
    workspace: WorkspaceId,
    key_quota: Quota,
    workspace_quota: Quota,
}

impl Caller {
    fn new(key: (u32, u32), workspace: (u32, u32)) -> Self {
        Self {
            store: MemoryStore::new(),
            key: KeyId::new(),
            workspace: WorkspaceId::new(),
            key_quota: Quota::new(key.0, key.1),
            workspace_quota: Quota::new(workspace.0, workspace.1),
        }
    }

    fn sends_with(&self, key: &KeyId, now: u64) -> bool {
        let workspace = (&self.workspace, &self.workspace_quota);
        self.store.charge((key, &self.key_quota), workspace, 1.0, now).admitted
    }

    fn sends(&self, now: u64) -> bool {
        self.sends_with(&self.key, now)
    }

    /// Returns how many of these arrivals are admitted.
    fn admitted(&self, arrivals: impl Iterator<Item = u64>) -> f64 {
        arrivals.filter(|now| self.sends(*now)).count() as f64
    }
}

#[track_caller]
fn assert_within_one_percent(admitted: f64, allowed: f64, what: &str) {
    let error = (admitted - allowed).abs() / allowed;
    assert!(error <= 0.01, "{what}: {admitted} admitted, {allowed} allowed");
}

#[test]
fn steady_traffic_above_the_limit_is_cut_to_it() {
    for (rate, burst) in LIMITS {
        let seconds = 600;
        let caller = Caller::new((rate, burst), PLENTY);
        // Three times the allowed rate, at an interval unrelated to the limit's.
        let gap = SECOND * 60 / u64::from(rate) / 3 + 7;
        let arrivals = (0..).map(|n| SECOND + n * gap).take_while(|now| *now < SECOND * (seconds + 1));
        let allowed = f64::from(rate) / 60.0 * seconds as f64 + f64::from(burst);
        assert_within_one_percent(caller.admitted(arrivals), allowed, &format!("{rate} a minute, burst {burst}"));
    }
}

#[test]
fn bursts_get_what_leaked_between_them() {
    for (rate, burst) in LIMITS {
        let caller = Caller::new((rate, burst), PLENTY);
        // Twice the burst at once, repeated every half window.
        let pause = caller.key_quota.window().as_nanos() as u64 / 2;
        let arrivals = (0..1000).flat_map(|n| std::iter::repeat_n(SECOND + n * pause, 2 * burst as usize));
        let allowed = f64::from(burst) + 999.0 * f64::from(burst) / 2.0;
        assert_within_one_percent(caller.admitted(arrivals), allowed, &format!("{rate} a minute, burst {burst}"));
    }
}

#[test]
fn the_edge_of_a_window_is_no_way_to_twice_the_limit() {
    for (rate, burst) in LIMITS.into_iter().filter(|(_, burst)| *burst >= 100) {
        let caller = Caller::new((rate, burst), PLENTY);
        let window = caller.key_quota.window().as_nanos() as u64;
        // A whole burst just before a window's end and one just after: a counter of fixed windows would admit both.
        let mut admitted = 0.0;
        for n in (1..100).map(|n| 2 * n * window) {
            let edge = [n - window / 1000, n + window / 1000];
            admitted += caller.admitted(edge.into_iter().flat_map(|now| std::iter::repeat_n(now, burst as usize)));
        }
        let allowed = 99.0 * f64::from(burst) * 1.002;
        assert_within_one_percent(admitted, allowed, &format!("{rate} a minute, burst {burst}"));
    }
}

#[test]
fn who_stays_just_below_the_limit_is_never_refused() {
    for (rate, burst) in LIMITS {
        let caller = Caller::new((rate, burst), PLENTY);
        let gap = (SECOND * 60).div_ceil(u64::from(rate));
        for n in 0..200_000 {
            assert!(caller.sends(SECOND + n * gap), "{rate} a minute, burst {burst}: request {n}");
        }
        // The same rate in whole bursts, as the announced policy promises.
        let window = caller.key_quota.window().as_nanos().div_ceil(u128::from(SECOND)) as u64 * SECOND;
        let start = SECOND + 200_000 * gap + window;
        for n in 0..200_u64 {
            let all = (0..burst).all(|_| caller.sends(start + n * window));
            assert!(all, "{rate} a minute, burst {burst}: bunch {n}");
        }
    }
}

#[test]
fn a_refusal_by_one_limit_uses_nothing_up_of_the_other() {
    let caller = Caller::new((600, 10), (600, 15));
    let other = KeyId::new();
    assert_eq!((0..20).filter(|_| caller.sends(SECOND)).count(), 10, "the key's burst");
    // Ten refusals later the workspace still has five. Its own refusals charge nothing to the other key.
    assert_eq!((0..20).filter(|_| caller.sends_with(&other, SECOND)).count(), 5, "the rest of the workspace's");
    let later = SECOND + Duration::from_millis(500).as_nanos() as u64;
    assert_eq!((0..20).filter(|_| caller.sends_with(&other, later)).count(), 5, "what leaked from the workspace");
}

#[test]
fn parallel_requests_get_exactly_the_burst() {
    let caller = Caller::new((60, 1000), (60, 1500));
    let other = KeyId::new();
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = [caller.key, other, caller.key, other]
            .map(|key| {
                let caller = &caller;
                scope.spawn(move || (0..1000).filter(|_| caller.sends_with(&key, SECOND)).count())
            })
            .into_iter()
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(admitted, 1500);
}

#[test]
fn a_larger_plan_applies_at_once_and_a_smaller_one_keeps_no_debt_above_its_burst() {
    let mut caller = Caller::new((600, 10), PLENTY);
    assert_eq!((0..20).filter(|_| caller.sends(SECOND)).count(), 10);
    caller.key_quota = Quota::new(6000, 100);
    assert_eq!((0..200).filter(|_| caller.sends(SECOND)).count(), 90);
    caller.key_quota = Quota::new(600, 10);
    assert!(!caller.sends(SECOND));
    assert_eq!((0..20).filter(|_| caller.sends(2 * SECOND)).count(), 10);
}

#[test]
fn what_rested_is_forgotten_and_nothing_else() {
    let caller = Caller::new((600, 100), PLENTY);
    assert!(caller.sends(SECOND));
    assert!(caller.sends_with(&KeyId::new(), 6 * SECOND));
    let window = Duration::from_secs(10);
    caller.store.forget_rested(window, 10 * SECOND);
    assert_eq!(caller.store.len(), 3);
    caller.store.forget_rested(window, 11 * SECOND);
    assert_eq!(caller.store.len(), 2, "the second key and the workspace");
    caller.store.forget_rested(window, 16 * SECOND);
    assert_eq!(caller.store.len(), 0);
}
