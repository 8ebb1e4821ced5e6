//! [`Watched`]: a metric that is read at each scrape from the getters of another module.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::fmt;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Starts at 0 with the process, and only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// Receives the values that a closure of [`super::Metrics::register`] reads.
pub struct Readings<'a, 'b> {
    kind: Kind,
    metric: &'a mut MetricEncoder<'b>,
    outcome: fmt::Result,
}

impl Readings<'_, '_> {
    /// Sets one value. No label may come from a caller.
    pub fn set(&mut self, labels: &[(&'static str, &str)], value: u64) {
        if self.outcome.is_ok() {
            self.outcome = self.write(labels, value);
        }
    }

    fn write(&mut self, labels: &[(&'static str, &str)], value: u64) -> fmt::Result {
        match labels.is_empty() {
            true => encode(self.kind, self.metric, value),
            false => encode(self.kind, &mut self.metric.encode_family(&labels)?, value),
        }
    }
}

fn encode(kind: Kind, metric: &mut MetricEncoder<'_>, value: u64) -> fmt::Result {
    match kind {
        Kind::Counter => metric.encode_counter::<NoLabelSet, _, u64>(&value, None),
        Kind::Gauge => metric.encode_gauge(&value),
    }
}

/// The collector of a registered metric.
pub(super) struct Watched<F> {
    kind: Kind,
    name: &'static str,
    help: &'static str,
    read: F,
}

impl<F: Fn(&mut Readings<'_, '_>)> Watched<F> {
    pub(super) fn new(kind: Kind, name: &'static str, help: &'static str, read: F) -> Self {
        Self { kind, name, help, read }
    }
}

impl<F> fmt::Debug for Watched<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.name).finish()
    }
}

impl<F: Fn(&mut Readings<'_, '_>) + Send + Sync + 'static> Collector for Watched<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        let mut readings = Readings { kind: self.kind, metric: &mut metric, outcome: Ok(()) };
        (self.read)(&mut readings);
        readings.outcome
    }
}
