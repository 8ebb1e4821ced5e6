//! [`Requests`]: counts and durations of requests.

use super::sharded::Sharded;
use crate::base::time::nanoseconds;
use crate::infra::http::{RouteId, RouteTable};
use actix_web::http::Method;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The methods with a label of their own. All others count as `other`, so callers can't create labels.
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other"];

/// The statuses that Keyward answers, ascending. Any other status counts as `other`.
const STATUSES: [u16; 25] = [
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429, 500,
    502, 503,
];

/// The upper bounds of the histogram, in microseconds, which are exact, and in seconds, for Prometheus.
const BOUNDS: [(u64, f64); 16] = [
    (50, 0.000_05),
    (100, 0.000_1),
    (250, 0.000_25),
    (500, 0.000_5),
    (1_000, 0.001),
    (2_500, 0.002_5),
    (5_000, 0.005),
    (10_000, 0.01),
    (25_000, 0.025),
    (50_000, 0.05),
    (100_000, 0.1),
    (250_000, 0.25),
    (500_000, 0.5),
    (1_000_000, 1.0),
    (5_000_000, 5.0),
    (30_000_000, 30.0),
];

/// Returns the bucket of a duration in nanoseconds. As Prometheus' `le` says, a bound belongs to its bucket.
fn bucket_of(took: u64) -> usize {
    BOUNDS.iter().position(|(bound, _)| took <= bound * 1_000).unwrap_or(BOUNDS.len())
}

#[derive(Debug, Default)]
struct Route {
    /// By method, then status.
    counts: [[AtomicU64; STATUSES.len() + 1]; METHODS.len()],
    /// The last bucket is for durations above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// The requests of one application.
#[derive(Debug)]
pub struct Requests {
    templates: Vec<String>,
    shards: Sharded<Box<[Route]>>,
}

impl Requests {
    /// Allocates a counter for each route, method and status, so that a count is an index: about 2 KiB for each route
    /// and worker.
    pub(super) fn new(routes: &RouteTable, workers: usize) -> Self {
        let templates: Vec<String> = routes.templates().map(str::to_owned).collect();
        let shards = Sharded::new(workers, || templates.iter().map(|_| Route::default()).collect());
        Self { templates, shards }
    }

    /// Counts one request. Cost: three relaxed additions to this thread's own memory and two short searches, about 20
    /// ns.
    pub fn observe(&self, route: RouteId, method: &Method, status: u16, took: Duration) {
        let Some(route) = self.shards.mine().and_then(|routes| routes.get(route.index())) else { return };
        let method = method.as_str();
        let method = METHODS.iter().position(|name| *name == method).unwrap_or(METHODS.len() - 1);
        let status = STATUSES.binary_search(&status).unwrap_or(STATUSES.len());
        if let Some(count) = route.counts.get(method).and_then(|statuses| statuses.get(status)) {
            count.fetch_add(1, Relaxed);
        }
        let took = nanoseconds(took);
        if let Some(bucket) = route.buckets.get(bucket_of(took)) {
            bucket.fetch_add(1, Relaxed);
        }
        route.nanoseconds.fetch_add(took, Relaxed);
    }

    fn sum(&self, route: usize, value: impl Fn(&Route) -> u64) -> u64 {
        self.shards.sum(|routes| routes.get(route).map_or(0, &value))
    }

    fn encode_counts(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests by route template, method and status";
        let mut family = encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        for (route, template) in self.templates.iter().enumerate() {
            for (m, method) in METHODS.into_iter().enumerate() {
                for s in 0..=STATUSES.len() {
                    let count = self.sum(route, |route| {
                        route.counts.get(m).and_then(|statuses| statuses.get(s)).map_or(0, |count| count.load(Relaxed))
                    });
                    // Zero counts are left out, since they would be thousands of lines.
                    if count > 0 {
                        let status = STATUSES.get(s).map_or_else(|| "other".to_owned(), ToString::to_string);
                        let labels = [("route", template.as_str()), ("method", method), ("status", &status)];
                        family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn encode_durations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = ("http_request_duration", "How long requests took, by route template");
        let unit = prometheus_client::registry::Unit::Seconds;
        let mut family = encoder.encode_descriptor(name, help, Some(&unit), MetricType::Histogram)?;
        for (route, template) in self.templates.iter().enumerate() {
            let bounds = BOUNDS.iter().map(|(_, seconds)| *seconds).chain([f64::INFINITY]);
            let count = |bucket: usize| {
                self.sum(route, |route| route.buckets.get(bucket).map_or(0, |count| count.load(Relaxed)))
            };
            let buckets: Vec<(f64, u64)> = bounds.enumerate().map(|(place, bound)| (bound, count(place))).collect();
            let total = buckets.iter().map(|(_, count)| count).sum();
            if total > 0 {
                let seconds = self.sum(route, |route| route.nanoseconds.load(Relaxed)) as f64 / 1e9;
                let labels = [("route", template.as_str())];
                let mut metric = family.encode_family(&labels)?;
                metric.encode_histogram::<NoLabelSet>(seconds, total, &buckets, None)?;
            }
        }
        Ok(())
    }
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_counts(&mut encoder)?;
        self.encode_durations(&mut encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        for (place, (bound, _)) in BOUNDS.iter().enumerate() {
            assert_eq!((bucket_of(bound * 1_000), bucket_of(bound * 1_000 + 1)), (place, place + 1));
        }
        assert_eq!(bucket_of(0), 0);
    }
}
