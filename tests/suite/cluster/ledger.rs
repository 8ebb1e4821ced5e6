//! What each key may do at which time, what every request saw, and whether the two agree.
//!
//! One clock: everything is measured in the test's process. A request may have seen any access that was in force at some
//! moment between its sending and its answer. A change is in force somewhere between its call and the call's answer, so
//! what it took away must be gone for all that is *sent after the answer*, and what it gave must be there.
//!
//! A write whose body trickles is admitted twice: with its headers, and once more when it is written. So it may be refused
//! by any access since its headers were sent, but admitted only by one that was still in force when the rest of its body
//! was sent.

use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Refused,
    Reads,
    Writes,
}

/// What one request saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Access(Access),
    /// No answer, or 503: it neither proves nor breaks anything.
    Nothing,
    /// An answer that is always wrong.
    Strange(String),
}

struct Request {
    node: usize,
    sent: Instant,
    /// When the rest of a trickling body was sent.
    rest_sent: Option<Instant>,
    done: Instant,
    seen: Seen,
}

impl Request {
    /// The moment from which the access that was seen must have been in force.
    fn since(&self, seen: Access) -> Instant {
        self.rest_sent.filter(|_| seen == Access::Writes).unwrap_or(self.sent)
    }
}

/// From the call that made it so until the answer of the call that ends it.
struct Epoch {
    access: Access,
    called: Instant,
    /// `None` while the call runs.
    answered: Option<Instant>,
}

/// One value of a key.
pub struct Probe {
    pub credential: String,
    story: Mutex<Story>,
}

#[derive(Default)]
struct Story {
    epochs: Vec<Epoch>,
    requests: Vec<Request>,
    is_over: bool,
}

/// What the whole run amounts to.
#[derive(Default)]
pub struct Verdict {
    pub requests: usize,
    pub without_answer: usize,
    /// Writes whose body trickled, and those of them whose access was taken away, by a call that answered, meanwhile.
    pub trickled: usize,
    pub overtaken: usize,
    /// Times that a node was seen to honour an access that had been given.
    pub grants_seen: usize,
    pub taken_away: usize,
    /// Milliseconds from the answer to the sending of the last request that was still admitted; negative is before.
    pub last_admission: Option<f64>,
    /// Requests that were admitted to what had been taken away.
    pub admitted: Vec<String>,
    /// Other wrong answers: refusals of what had been given.
    pub refused: Vec<String>,
}

impl Probe {
    /// A key that was just made.
    pub fn new(credential: String, access: Access) -> Arc<Self> {
        let now = Instant::now();
        let epochs = vec![Epoch { access, called: now, answered: Some(now) }];
        Arc::new(Self { credential, story: Mutex::new(Story { epochs, ..Story::default() }) })
    }

    /// A call is about to change what it may do.
    pub fn begin(&self, access: Access) {
        let epoch = Epoch { access, called: Instant::now(), answered: None };
        self.story.lock().expect("no panic").epochs.push(epoch);
    }

    /// The call has answered.
    pub fn answered(&self) {
        let mut story = self.story.lock().expect("no panic");
        story.epochs.last_mut().expect("a call").answered = Some(Instant::now());
    }

    /// Nobody needs to ask any more.
    pub fn retire(&self) {
        self.story.lock().expect("no panic").is_over = true;
    }

    /// Whether the load asks.
    pub fn is_asked(&self) -> bool {
        !self.story.lock().expect("no panic").is_over
    }

    /// Notes what a request to a node saw.
    pub fn note(&self, node: usize, sent: Instant, seen: Seen) {
        self.push(Request { node, sent, rest_sent: None, done: Instant::now(), seen });
    }

    /// Notes what a write saw whose body trickled.
    pub fn note_trickle(&self, node: usize, sent: Instant, rest_sent: Instant, seen: Seen) {
        self.push(Request { node, sent, rest_sent: Some(rest_sent), done: Instant::now(), seen });
    }

    fn push(&self, request: Request) {
        self.story.lock().expect("no panic").requests.push(request);
    }

    /// Adds up.
    pub fn evaluate(&self, verdict: &mut Verdict) {
        let story = self.story.lock().expect("no panic");
        verdict.requests += story.requests.len();
        for request in &story.requests {
            if let Some(rest_sent) = request.rest_sent {
                verdict.trickled += 1;
                verdict.overtaken += usize::from(story.took_away_between(request.sent, rest_sent));
            }
            match &request.seen {
                Seen::Nothing => verdict.without_answer += 1,
                Seen::Strange(what) => verdict.refused.push(format!("node {} answered {what}", request.node)),
                Seen::Access(seen) if !story.allows(request, *seen) => {
                    let text = story.describe(request, *seen);
                    match story.in_force(request.since(*seen)) {
                        Some(access) if *seen > access => verdict.admitted.push(text),
                        _ => verdict.refused.push(text),
                    }
                }
                Seen::Access(_) => {}
            }
        }
        for place in 1..story.epochs.len() {
            story.judge_change(place, verdict);
        }
    }
}

impl Story {
    fn allows(&self, request: &Request, seen: Access) -> bool {
        self.epochs.iter().enumerate().any(|(place, epoch)| {
            let end = self.epochs.get(place + 1).and_then(|next| next.answered);
            epoch.access == seen && epoch.called <= request.done && end.is_none_or(|end| request.since(seen) <= end)
        })
    }

    fn took_away_between(&self, start: Instant, end: Instant) -> bool {
        self.epochs
            .windows(2)
            .any(|pair| pair[1].access < pair[0].access && pair[1].answered.is_some_and(|at| start < at && at < end))
    }

    fn in_force(&self, at: Instant) -> Option<Access> {
        let answered = self.epochs.iter().rfind(|epoch| epoch.answered.is_some_and(|answered| answered < at));
        answered.map(|epoch| epoch.access)
    }

    /// How late the last request was that still had the old access, among those that can't have met a later change.
    fn judge_change(&self, place: usize, verdict: &mut Verdict) {
        let (before, epoch) = (&self.epochs[place - 1], &self.epochs[place]);
        let Some(answered) = epoch.answered else { return };
        let next = self.epochs.get(place + 1).map(|next| next.called);
        let own = self.requests.iter().filter(|request| {
            before.answered.is_some_and(|start| start <= request.sent) && next.is_none_or(|next| request.done <= next)
        });
        if epoch.access > before.access {
            let mut nodes: Vec<usize> = own
                .filter(|request| request.sent >= answered && request.seen == Seen::Access(epoch.access))
                .map(|request| request.node)
                .collect();
            nodes.sort_unstable();
            nodes.dedup();
            verdict.grants_seen += nodes.len();
        } else if epoch.access < before.access {
            verdict.taken_away += 1;
            let admitted = own.filter_map(|request| match request.seen {
                Seen::Access(seen) if seen > epoch.access => Some(milliseconds(answered, request.since(seen))),
                _ => None,
            });
            let last = admitted.reduce(f64::max);
            verdict.last_admission = verdict.last_admission.into_iter().chain(last).reduce(f64::max);
        }
    }

    fn describe(&self, request: &Request, seen: Access) -> String {
        let epochs: Vec<String> = self
            .epochs
            .iter()
            .map(|epoch| {
                let answered = epoch.answered.map_or_else(f64::default, |at| milliseconds(request.sent, at));
                format!("{:?} {:.1}..{answered:.1}", epoch.access, milliseconds(request.sent, epoch.called))
            })
            .collect();
        let took = milliseconds(request.sent, request.done);
        format!("node {} said {seen:?} after {took:.1} ms; by the sending: {}", request.node, epochs.join(", "))
    }
}

/// From `start` to `end`, below zero if it is the other way round.
fn milliseconds(start: Instant, end: Instant) -> f64 {
    let size = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    if end >= start { size(end - start) } else { -size(start - end) }
}
