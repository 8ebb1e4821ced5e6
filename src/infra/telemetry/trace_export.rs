//! [`TraceExport`]: sends spans to the collector, by OTLP over HTTP, in batches and on a thread of its own.
//!
//! A request puts its span into a queue, without waiting: an unavailable or slow collector costs spans, and nothing
//! else. Lost spans are counted, and logged once a minute at most.

use super::traces;
use crate::base::config::TracesSettings;
use crate::base::time::Clock;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter as OtlpExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor,
};
use parking_lot::Mutex;
use secrecy::ExposeSecret;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};

/// How many spans may wait for the collector. Some megabytes at most.
const WAITING_SPANS: usize = 8192;
/// The most spans in one request to the collector.
const BATCH: usize = 512;
/// The longest time that a span waits for its batch to fill.
const DELAY: Duration = Duration::from_secs(2);
/// How long the collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a stop waits for the last spans.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);
/// The minimum time between two log lines about lost spans.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The running export.
pub struct TraceExport {
    provider: SdkTracerProvider,
    tally: Arc<LostSpans>,
}

/// Counts waiting and lost spans.
#[derive(Debug)]
struct LostSpans {
    clock: Clock,
    waiting: AtomicUsize,
    lost: AtomicU64,
    /// The number of lost spans in the last log line about them, and its time. Only the export's own thread uses it.
    told: Mutex<(u64, Option<Duration>)>,
}

impl TraceExport {
    /// Starts the export's thread; returns `None` if no collector is configured. Opens no connection yet. Must not be
    /// called inside of an async runtime.
    ///
    /// # Errors
    /// A message for the operator.
    pub fn start(settings: &TracesSettings) -> Result<Option<Self>, String> {
        let Some(url) = settings.url() else { return Ok(None) };
        let explain = |error: &dyn std::fmt::Display| format!("traces: {error}");
        let headers: HashMap<String, String> =
            settings.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect();
        let exporter = OtlpExporter::builder()
            .with_http()
            .with_http_client(client(&url).map_err(|error| explain(&error))?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url)
            .with_headers(headers)
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| explain(&error))?;
        let tally = Arc::new(LostSpans::new(Clock::system()));
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING_SPANS)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        let exporter = Counted { exporter, tally: Arc::clone(&tally) };
        let queue = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let resource = Resource::builder()
            .with_service_name(settings.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Bounded { queue, tally: Arc::clone(&tally) })
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio))))
            .with_resource(resource)
            .build();
        Ok(Some(Self { provider, tally }))
    }

    /// Returns the layer that takes the spans of [`traces`], and nothing else, from `tracing`.
    pub(super) fn layer(&self) -> impl Layer<Registry> + Send + Sync + use<> {
        let layer = tracing_opentelemetry::layer().with_tracer(self.provider.tracer("keyward"));
        layer
            // Source location, thread and number of polls are of no use to operators, and cost time for each span.
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            // Parents are known from `tracing`; nothing here asks OpenTelemetry for the current span.
            .with_context_activation(false)
            .with_filter(filter_fn(traces::are_for).with_max_level_hint(LevelFilter::DEBUG))
    }

    /// Returns a function that reads the number of lost spans.
    pub fn lost_spans(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let tally = Arc::clone(&self.tally);
        move || tally.lost.load(Relaxed)
    }

    /// Sends the waiting spans, and ends the export. Blocks for three seconds at most.
    pub fn stop(self) {
        if self.provider.shutdown_with_timeout(FLUSH_LIMIT).is_err() {
            let waiting = self.tally.waiting.load(Relaxed);
            tracing::warn!(waiting, "the collector did not take the last spans in time");
        }
    }
}

/// Builds the HTTP client, which has its own thread. Without TLS it loads no certificates: a machine may have none.
fn client(url: &str) -> reqwest::Result<reqwest::blocking::Client> {
    let builder = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
    match url.starts_with("https://") {
        true => builder.build(),
        false => builder.tls_certs_only([]).build(),
    }
}

impl LostSpans {
    fn new(clock: Clock) -> Self {
        Self { clock, waiting: AtomicUsize::default(), lost: AtomicU64::default(), told: Mutex::default() }
    }

    /// Logs newly lost spans, once in [`LOG_INTERVAL`] at most.
    fn log_losses(&self, exported: &OTelSdkResult) {
        let (lost, now) = (self.lost.load(Relaxed), self.clock.monotonic());
        let mut told = self.told.lock();
        let (known, at) = *told;
        if lost > known && at.is_none_or(|at| now.saturating_sub(at) >= LOG_INTERVAL) {
            *told = (lost, Some(now));
            drop(told);
            let reason = match exported {
                Ok(()) => "it is too slow".to_owned(),
                Err(error) => error.to_string(),
            };
            tracing::warn!(reason, lost, "spans are lost: the collector does not take them");
        }
    }
}

/// The queue, which counts the spans that find it full. The SDK doesn't expose its own count.
#[derive(Debug)]
struct Bounded {
    queue: BatchSpanProcessor,
    tally: Arc<LostSpans>,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.queue.on_start(span, cx);
    }

    /// Cost: two atomics and a move into a channel; it never waits for the collector.
    fn on_end(&self, span: SpanData) {
        if self.tally.waiting.fetch_add(1, Relaxed) < WAITING_SPANS {
            return self.queue.on_end(span);
        }
        self.tally.waiting.fetch_sub(1, Relaxed);
        self.tally.lost.fetch_add(1, Relaxed);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.queue.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.queue.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.queue.set_resource(resource);
    }
}

/// The exporter, which counts undelivered spans.
#[derive(Debug)]
struct Counted {
    exporter: OtlpExporter,
    tally: Arc<LostSpans>,
}

impl SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.tally.waiting.fetch_sub(spans, Relaxed);
        let exported = self.exporter.export(batch).await;
        if exported.is_err() {
            self.tally.lost.fetch_add(spans as u64, Relaxed);
        }
        self.tally.log_losses(&exported);
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
