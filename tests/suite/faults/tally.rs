//! [`Tally`]: how requests were answered while something was broken.

use crate::support::http::Answer;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// The answers so far.
#[derive(Default)]
pub struct Tally {
    pub statuses: BTreeMap<u16, usize>,
    /// The connection was refused or broke.
    pub unanswered: usize,
    /// From the sending to the answer.
    pub refusals: Vec<Duration>,
    /// What is never right: a 500, a 401 for a good key, a 503 without `Retry-After`.
    pub wrong: Vec<String>,
    /// When each request was sent that was answered well, and when it was answered.
    good: Vec<(Instant, Instant)>,
}

impl Tally {
    /// Notes an answer, of which this status is the good one.
    pub fn note(&mut self, what: &str, sent: Instant, outcome: &reqwest::Result<Answer>, good: u16) {
        let done = Instant::now();
        let Ok(answer) = outcome else {
            self.unanswered += 1;
            return;
        };
        *self.statuses.entry(answer.status).or_default() += 1;
        match answer.status {
            status if status == good => self.good.push((sent, done)),
            503 if answer.header("retry-after").is_some() => self.refusals.push(done - sent),
            status => self.wrong.push(format!("{what} was answered {status} {}", answer.text)),
        }
    }

    pub fn add(&mut self, other: &Self) {
        other.statuses.iter().for_each(|(status, count)| *self.statuses.entry(*status).or_default() += count);
        self.unanswered += other.unanswered;
        self.refusals.extend(&other.refusals);
        self.wrong.extend_from_slice(&other.wrong);
        self.good.extend(&other.good);
    }

    /// How long it took from then until something was answered well that was sent after it.
    pub fn recovered_after(&self, mended: Instant) -> Option<Duration> {
        let after = self.good.iter().filter(|(sent, _)| *sent >= mended);
        after.map(|(_, done)| *done - mended).min()
    }

    /// Fails if there was an answer that is never right.
    #[track_caller]
    pub fn assert_nothing_wrong(&self) {
        assert!(self.wrong.is_empty(), "{} wrong answers, such as {:#?}", self.wrong.len(), &self.wrong[..1]);
    }

    /// `201 × 40, 503 × 2`
    pub fn answers(&self) -> String {
        let mut text = String::new();
        for (status, count) in &self.statuses {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{status} × {count}");
        }
        if self.unanswered > 0 {
            let _ = write!(text, ", no answer × {}", self.unanswered);
        }
        text
    }
}
