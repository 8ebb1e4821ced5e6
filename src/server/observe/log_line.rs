//! The log line of an ended request. Its fields are computed only if the line is written.
//!
//! The route is the template, such as `/v1/workspaces/{workspaceId}`. The line has no path, no query and no header's
//! value of the caller's choice, except an inbound request id. Every line has the request's own id
//! (`crate::infra::telemetry::logs`).

use crate::base::error::{ApiError, Code};
use crate::infra::request::RequestContext;
use crate::server::observe::RequestRecord;
use std::error::Error as _;

/// The data of a log line.
pub(super) struct Line<'a> {
    pub(super) context: &'a RequestContext,
    pub(super) record: &'a RequestRecord,
    pub(super) route: &'a str,
    pub(super) status: u16,
    pub(super) error: Option<&'a ApiError>,
}

/// Emits an event with the fields of every line, and its own.
macro_rules! event {
    ($level:ident, $line:ident, { $($own:tt)* }, $message:literal) => {
        tracing::event!(
            tracing::Level::$level,
            method = $line.record.method.as_str(),
            route = $line.route,
            client_address = $line.context.address().map(tracing::field::display),
            caller = $line.context.caller().map(tracing::field::display),
            inbound_request_id = $line.record.inbound_request_id(),
            status = $line.status,
            $($own)*
            $message
        )
    };
}

/// Writes the line: errors, refusals and changes at `info` or above. Successful reads are most of the requests and of
/// no interest to an operator: `debug`.
pub(super) fn write(line: &Line<'_>) {
    match line.error {
        Some(error) if error.code == Code::Internal => {
            event!(ERROR, line, { code = error.code.as_str(), cause = cause(error), }, "failed");
        }
        Some(error) if error.code == Code::Unavailable => {
            event!(WARN, line, { code = error.code.as_str(), cause = cause(error), }, "unavailable");
        }
        Some(error) => event!(INFO, line, { code = error.code.as_str(), cause = error.cause(), }, "refused"),
        None if line.context.is_read() && line.status < 400 => event!(DEBUG, line, {}, "answered"),
        None => event!(INFO, line, {}, "answered"),
    }
}

/// Returns the chain of causes, which the caller never sees.
fn cause(error: &ApiError) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.join(": ")
}
