//! Log lines: their output, and the request's id on each.

use super::{TraceExport, traces};
use crate::base::config::{Log, LogFormat};
use crate::infra::request::RequestContext;
use std::fmt;
use std::panic::PanicHookInfo;
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, ParseError};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// How many lines may wait for a slow reader of standard error: some megabytes at most. Further lines are lost, and
/// counted, since a full pipe must not stop the service.
const WAITING_LINES: usize = 8192;

/// The thread that writes lines to standard error. Dropping it writes the waiting lines.
pub struct LogWriter {
    lost: ErrorCounter,
    _writer: WorkerGuard,
}

impl LogWriter {
    /// Returns a function that reads the number of lost lines.
    pub fn lost_lines(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let lost = self.lost.clone();
        move || lost.dropped_lines() as u64
    }
}

/// Sends log lines to standard error, and spans to the collector, if one is configured. Called once, at start-up.
///
/// # Errors
/// A message for the operator if `log.filter` is malformed, or logging is already set up.
pub fn init(log: &Log, export: Option<&TraceExport>) -> Result<LogWriter, String> {
    let filter = lines_of(log).map_err(|error| format!("log.filter: {error}"))?;
    let builder = NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).lossy(true).thread_name("log");
    let (writer, guard) = builder.finish(std::io::stderr());
    let lost = writer.error_counter();
    match export {
        None => tracing_subscriber::registry().with(filter).with(lines(log.format, writer)).try_init(),
        Some(export) => {
            // Each layer has its own filter, so that neither gets the other's events.
            let lines = lines(log.format, writer).with_filter(filter);
            tracing_subscriber::registry().with(export.layer()).with(lines).try_init()
        }
    }
    .map_err(|error| error.to_string())?;
    if export.is_some() {
        traces::switch_on();
    }
    Ok(LogWriter { lost, _writer: guard })
}

/// The part of the framework that logs an error for each client that goes away or does not speak HTTP. The listener logs
/// these ends itself.
const ENDS_OF_CONNECTIONS: &str = "actix_http::h1::dispatcher";

/// Returns the filter of log lines: the configured one, without [`ENDS_OF_CONNECTIONS`] unless it names that itself.
fn lines_of(log: &Log) -> Result<EnvFilter, ParseError> {
    let directives = match log.filter.contains(ENDS_OF_CONNECTIONS) {
        true => log.filter.clone(),
        false => format!("{},{ENDS_OF_CONNECTIONS}=off", log.filter),
    };
    EnvFilter::try_new(directives)
}

/// Returns whether the log takes more than `info` from any target, and so may want a line for each request.
pub(crate) fn is_detailed(log: &Log) -> bool {
    let filter = EnvFilter::try_new(&log.filter).ok();
    filter.and_then(|filter| filter.max_level_hint()).is_none_or(|most| most > LevelFilter::INFO)
}

/// Returns the layer that writes lines in this format.
fn lines<S>(format: LogFormat, writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
            lines.map_event_format(JsonWithId).boxed()
        }
        LogFormat::Pretty => lines.map_event_format(TextWithId).boxed(),
    }
}

/// Formats lines as JSON, with `request_id` inside of a request.
struct JsonWithId(Format<Json>);

impl<S, N> FormatEvent<S, N> for JsonWithId
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(id) = RequestContext::current_id() else { return self.0.format_event(ctx, writer, event) };
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        // The object is already closed, so its last brace is moved behind the id.
        match line.trim_end().strip_suffix('}') {
            Some(object) => writeln!(writer, "{object},\"request_id\":\"{id}\"}}"),
            None => writer.write_str(&line),
        }
    }
}

/// Formats lines for people, with the request's id in front.
struct TextWithId(Format);

impl<S, N> FormatEvent<S, N> for TextWithId
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if let Some(id) = RequestContext::current_id() {
            write!(writer, "{id} ")?;
        }
        self.0.format_event(ctx, writer, event)
    }
}

/// Logs panics instead of printing them, so that they carry the request's id.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let message = panic.payload_as_str().unwrap_or("(not text)");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(message, place, "panic");
    }));
}
