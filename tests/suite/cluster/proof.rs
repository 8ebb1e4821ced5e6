//! Nobody slips through: the cluster's promise, under load and while everything fails; and that this would be noticed.

use super::driver::Change;
use super::scenario::{Report, Stage, Trouble};
use crate::faults::figures::Figures;
use crate::support::Backend;
use crate::support::tests_once;
use std::collections::BTreeMap;
use std::time::Duration;

tests_once![
    nobody_slips_through_while_everything_fails,
    without_the_wait_somebody_slips_through,
    without_the_fence_somebody_slips_through,
    with_the_fence_slow_reads_let_nobody_through,
    without_the_confirmation_a_slow_write_slips_through,
];

/// Repeats a run's choices.
const SEED: &str = "KEYWARD_SUITE_SEED";
/// Seconds, for a longer run.
const TIME: &str = "KEYWARD_SUITE_CLUSTER_TIME";
const LEASE: Duration = Duration::from_millis(800);
/// How long a broken cluster may take until it is caught.
const BOUND: Duration = Duration::from_secs(120);

async fn nobody_slips_through_while_everything_fails() {
    let seed = number(SEED).unwrap_or_else(rand::random);
    let time = Duration::from_secs(number(TIME).unwrap_or(75));
    println!("the cluster's proof: {SEED}={seed} repeats its choices");
    let mut stage = Stage::set(LEASE, |_| {}).await;
    let report = stage.play(seed % (1 << 60), time, 100, Trouble::Everything, false).await;
    print(&report);
    let verdict = &report.verdict;
    assert!(verdict.admitted.is_empty(), "admitted after the answer: {:#?}", first(&verdict.admitted));
    assert!(verdict.refused.is_empty(), "refused what was given: {:#?}", first(&verdict.refused));
    assert!(verdict.last_admission.is_some_and(|last| last <= 0.0), "{:?}", verdict.last_admission);
    let enough = report.changes.len() > 100 && verdict.requests > 5_000 && verdict.grants_seen > 100;
    assert!(verdict.overtaken >= 20, "only {} writes were overtaken by a change of access", verdict.overtaken);
    assert!(enough && report.faults.values().sum::<usize>() >= 10, "too little happened to prove anything");
}

async fn without_the_wait_somebody_slips_through() {
    let mut stage = Stage::set(LEASE, |node| node.no_wait = true).await;
    caught(&stage.play(1, BOUND, 100, Trouble::Partitions, true).await);
}

async fn without_the_fence_somebody_slips_through() {
    let slow = |node: &mut super::node::NodeSettings| {
        node.no_fence = true;
        node.slow_fill = Duration::from_millis(50);
    };
    let mut stage = Stage::set(LEASE, slow).await;
    caught(&stage.play(2, BOUND, 30, Trouble::Nothing, true).await);
}

async fn without_the_confirmation_a_slow_write_slips_through() {
    let mut stage = Stage::set(LEASE, |node| node.no_confirmation = true).await;
    caught(&stage.play(3, BOUND, 100, Trouble::Nothing, true).await);
}

async fn with_the_fence_slow_reads_let_nobody_through() {
    let mut stage = Stage::set(LEASE, |node| node.slow_fill = Duration::from_millis(50)).await;
    let Report { verdict, changes, .. } = stage.play(2, Duration::from_secs(10), 30, Trouble::Nothing, false).await;
    assert!(verdict.admitted.is_empty(), "admitted after the answer: {:#?}", first(&verdict.admitted));
    assert!(verdict.refused.is_empty(), "refused what was given: {:#?}", first(&verdict.refused));
    assert!(changes.len() > 10 && verdict.taken_away > 5, "too little happened to prove anything");
}

fn caught(report: &Report) {
    let stale = report.verdict.admitted.first();
    println!("caught after {} changes: {}", report.changes.len(), stale.expect("nothing was caught"));
}

fn number(variable: &str) -> Option<u64> {
    Some(std::env::var(variable).ok()?.parse().expect("a number"))
}

fn first(lines: &[String]) -> &[String] {
    &lines[..lines.len().min(5)]
}

fn print(Report { verdict, changes, faults }: &Report) {
    let mut figures = Figures::of("the cluster", Backend::Postgres);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    changes.iter().for_each(|change| *kinds.entry(change.kind).or_default() += 1);
    let last = verdict.last_admission.unwrap_or(f64::NAN);
    figures
        .add("changes of access", format!("{}: {}", changes.len(), counts(&kinds)))
        .add("faults", counts(faults))
        .add("calls that had to be repeated", changes.iter().filter(|change| !change.certain).count())
        .add(
            "checks of keys, and those without an answer",
            format!("{} and {}", verdict.requests, verdict.without_answer),
        )
        .add("writes whose body trickled", verdict.trickled)
        .add("of them, with access taken away before the rest was sent", verdict.overtaken)
        .add("access taken away", verdict.taken_away)
        .add("admitted after the answer", verdict.admitted.len())
        .add("the last admission was sent, from the answer", format!("{last:.3} ms"));
    for disturbed in [false, true] {
        let of_kind = |change: &&Change| change.disturbed == disturbed && !SIDE_CALLS.contains(&change.kind);
        let (commands, calls): (Vec<&Change>, Vec<&Change>) =
            changes.iter().filter(of_kind).partition(|change| COMMANDS.contains(&change.kind));
        figures.add(if disturbed { "calls with faults" } else { "calls undisturbed" }, waits(&calls));
        figures.add(if disturbed { "commands with faults" } else { "commands undisturbed" }, waits(&commands));
    }
    figures.publish();
}

fn counts(of: &BTreeMap<&str, usize>) -> String {
    of.iter().map(|(what, count)| format!("{count} × {what}")).collect::<Vec<_>>().join(", ")
}

/// Calls that wait for nobody.
const SIDE_CALLS: [&str; 3] = ["sign in", "invite", "create"];
/// Processes that are no node, and wait a whole lease.
const COMMANDS: [&str; 4] = ["cancel subscription", "renew subscription", "disable account", "enable account"];

fn waits(changes: &[&Change]) -> String {
    let mut times: Vec<u128> = changes.iter().map(|change| change.waited.as_millis()).collect();
    times.sort_unstable();
    let Some(longest) = times.last() else { return "none".to_owned() };
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    format!("{}, median {} ms, p99 {} ms, longest {longest} ms", times.len(), at(50), at(99))
}
