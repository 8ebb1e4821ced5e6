//! No count is lost or doubled, whatever happens in parallel.

use super::*;
use std::sync::atomic::AtomicBool;
use std::thread;

struct Record {
    key: CountedKey,
    usage: KeyUsage,
}

impl Counted for Record {
    fn key(&self) -> CountedKey {
        self.key
    }

    fn usage(&self) -> &KeyUsage {
        &self.usage
    }
}

fn record(key: CountedKey) -> Arc<Record> {
    Arc::new(Record { key, usage: KeyUsage::default() })
}

fn key() -> CountedKey {
    CountedKey { id: KeyId::new(), workspace_id: WorkspaceId::new(), organization_id: OrganizationId::new() }
}

/// Returns the rows that a flush would write.
fn written(usage: &Usage<Record>) -> Vec<(Hour, Tally)> {
    let rows = usage.take(&usage.workspaces());
    usage.forget(&rows);
    rows.into_iter().map(|row| (row.hour, row.tally)).collect()
}

fn sum(rows: impl IntoIterator<Item = (Hour, Tally)>) -> Tally {
    rows.into_iter().fold(Tally::default(), |mut sum, (_, tally)| {
        sum += tally;
        sum
    })
}

#[test]
fn a_record_stays_small() {
    assert_eq!(size_of::<KeyUsage>(), 16);
}

#[test]
fn hours_and_outcomes_are_kept_apart() {
    let (usage, record) = (Usage::default(), record(key()));
    for (hour, outcome, times) in [
        (1, RequestOutcome::Admitted, 3),
        (1, RequestOutcome::Limited, 2),
        (2, RequestOutcome::Admitted, 5),
        // A request that began before the hour changed, and a clock that was set back.
        (1, RequestOutcome::Refused, 1),
        (2, RequestOutcome::Limited, 1),
    ] {
        (0..times).for_each(|_| usage.count(&record, Hour(hour), outcome));
    }
    let first = (Hour(1), Tally { admitted: 3, limited: 2, refused: 1 });
    let second = (Hour(2), Tally { admitted: 5, limited: 1, refused: 0 });
    assert_eq!(written(&usage), [first, second]);
    assert_eq!(written(&usage), []);
    assert!(usage.waiting.lock().is_empty(), "something is left of a workspace that has nothing to write");
}

#[test]
fn a_record_that_nobody_has_any_more_keeps_its_counts() {
    let (usage, key) = (Usage::default(), key());
    for _ in 0..3 {
        let record = record(key);
        (0..2).for_each(|_| usage.count(&record, Hour(7), RequestOutcome::Admitted));
    }
    assert_eq!(written(&usage), [(Hour(7), Tally { admitted: 6, ..Tally::default() })]);
}

#[test]
fn a_request_counts_once_and_as_what_it_ended() {
    let (usage, record) = (Usage::default(), record(key()));
    drop(usage.begin(record.clone(), Hour(1)));
    assert_eq!(written(&usage), []);
    let mut request = usage.begin(record, Hour(1));
    request.ends(RequestOutcome::Admitted);
    request.ends(RequestOutcome::Refused);
    drop(request);
    assert_eq!(written(&usage), [(Hour(1), Tally { refused: 1, ..Tally::default() })]);
}

#[test]
fn what_is_counted_while_a_batch_is_written_is_written_next() {
    let (usage, record) = (Usage::default(), record(key()));
    usage.count(&record, Hour(1), RequestOutcome::Admitted);
    let rows = usage.take(&usage.workspaces());
    usage.count(&record, Hour(1), RequestOutcome::Admitted);
    let unwritten = usage.beside_unwritten(record.key.workspace_id, |unwritten| unwritten.collect::<Vec<_>>());
    assert_eq!(unwritten, [(record.key.id, Hour(1), Tally { admitted: 2, ..Tally::default() })]);
    usage.forget(&rows);
    assert_eq!(written(&usage), [(Hour(1), Tally { admitted: 1, ..Tally::default() })]);
}

#[test]
fn parallel_counts_are_exact_while_hours_turn_and_batches_are_taken() {
    const THREADS: u32 = 8;
    const COUNTS: u32 = 60_000;
    let (usage, key) = (Usage::default(), key());
    // Two records of one key, as after the cache has read it again.
    let records = [record(key), record(key)];
    let ended = AtomicBool::new(false);
    let mut found = Vec::new();
    thread::scope(|scope| {
        let counting: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (usage, records) = (&usage, &records);
                scope.spawn(move || {
                    for count in 0..COUNTS {
                        let outcome = match (count + thread) % 3 {
                            0 => RequestOutcome::Admitted,
                            1 => RequestOutcome::Limited,
                            _ => RequestOutcome::Refused,
                        };
                        usage.count(&records[(count % 2) as usize], Hour(1 + count / 20_000), outcome);
                    }
                })
            })
            .collect();
        let flushing = scope.spawn(|| {
            let mut found = Vec::new();
            while !ended.load(Relaxed) {
                found.extend(written(&usage));
            }
            found
        });
        counting.into_iter().for_each(|thread| thread.join().unwrap());
        ended.store(true, Relaxed);
        found = flushing.join().unwrap();
    });
    found.extend(written(&usage));
    let each = u64::from(THREADS * COUNTS / 3);
    assert_eq!(sum(found.iter().copied()), Tally { admitted: each, limited: each, refused: each });
    assert!(found.iter().all(|(hour, _)| (1..=3).contains(&hour.0)), "{found:?}");
}
