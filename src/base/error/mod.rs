//! [`ApiError`]: the error of a handler.
//!
//! A handler returns an error with a stable [`Code`] and a message for the caller. `server::error_responses` writes it
//! in the configured [`style`], with the request's id. The internal cause (`source`) goes to the log only.

mod code;
pub mod style;

pub use code::Code;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// `Retry-After` of a 503, in seconds.
const RETRY_UNAVAILABLE_SECONDS: u32 = 2;

/// One field that is to blame, by its path in the body (`workspaces[0].role`) or its parameter's name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct FieldError {
    /// The path of the field.
    pub field: String,
    /// What it must be.
    pub message: String,
}

/// An error, independent of the style in which it is written.
#[derive(Debug)]
pub struct ApiError {
    pub code: Code,
    /// Says what the caller can do.
    pub message: Cow<'static, str>,
    /// The invalid fields.
    pub details: Vec<FieldError>,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u32>,
    /// The methods for `Allow`, with a 405.
    pub allow: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// Makes the error of a code, with the code's own message.
    pub fn new(code: Code) -> Self {
        Self::with_message(code, code.message())
    }

    /// Makes the error of a code, with another message.
    pub fn with_message(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let retry_after = (code == Code::Unavailable).then_some(RETRY_UNAVAILABLE_SECONDS);
        Self { code, message: message.into(), details: Vec::new(), retry_after, allow: None, source: None }
    }

    /// 400: malformed.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::with_message(Code::BadRequest, message)
    }

    /// 400 for one parameter of the query.
    pub fn bad_parameter(name: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let field = if name.is_empty() { "query" } else { name };
        let text = format!("{field}: {message}");
        let details = vec![FieldError { field: field.to_owned(), message }];
        Self { details, ..Self::bad_request(text) }
    }

    /// 429: the caller may try again after `wait`. `Retry-After` is in whole seconds, rounded up and at least one.
    pub fn rate_limited(message: impl Into<Cow<'static, str>>, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let retry_after = Some(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX));
        Self { retry_after, ..Self::with_message(Code::RateLimited, message) }
    }

    /// 404, with the same body for a missing resource and one that the caller may not see.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound)
    }

    /// 405, with the methods that the path has.
    pub fn method_not_allowed(allow: impl Into<String>) -> Self {
        Self { allow: Some(allow.into()), ..Self::new(Code::MethodNotAllowed) }
    }

    /// Replaces the message.
    #[must_use]
    pub fn saying(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// 422 for one field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// 422 for several fields; its message is about the first.
    pub fn invalid_fields(details: Vec<FieldError>) -> Self {
        let Some(first) = details.first() else { return Code::ValidationFailed.into() };
        let more = match details.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let field = if first.field.is_empty() { "body" } else { &first.field };
        let message = format!("{field}: {}{more}", first.message);
        Self { details, ..Self::with_message(Code::ValidationFailed, message) }
    }

    /// 500: an internal fault. The cause is logged and never shown.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(cause.into()), ..Self::new(Code::Internal) }
    }

    /// 503: a service that Keyward needs does not answer. The cause is logged and never shown.
    pub fn unavailable_because(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(cause.into()), ..Self::new(Code::Unavailable) }
    }

    /// Adds the internal cause, which is logged and never shown.
    #[must_use]
    pub fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(cause.into()), ..self }
    }

    /// Returns the internal cause, for the log and the operator.
    pub fn cause(&self) -> Option<String> {
        self.source.as_ref().map(ToString::to_string)
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

/// A missing row is 404, a passing failure of the database 503 (see [`is_passing`]), any other 500.
impl From<DieselError> for ApiError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::not_found(),
            error if is_passing(&error) => Self::unavailable_because(error),
            error => Self::internal(error),
        }
    }
}

/// Parts of the messages of passing failures, which both databases keep from release to release. diesel has no code for
/// most errors.
const PASSING: [&str; 17] = [
    // A lock was not free in time.
    "database is locked",
    "lock timeout",
    "statement timeout",
    "deadlock detected",
    // The server stops, starts, or is gone.
    "the database system is",
    "terminating connection",
    "server closed",
    "no connection to the server",
    "could not receive data from server",
    "could not send data to server",
    // The disk is full or fails. If SQLite's shared-memory file can't grow on a full disk, it is an I/O error, too.
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "No space left on device",
    "could not extend file",
    // No memory for one more lock, or for one more client.
    "out of shared memory",
    "too many clients",
];

/// Returns whether the same request may succeed a moment later (503, not 500): a lock that was not free in time, a lost
/// connection, a deadlock, a full disk, a server that is read-only after a failover.
fn is_passing(error: &DieselError) -> bool {
    match error {
        DieselError::BrokenTransactionManager => true,
        DieselError::RollbackErrorOnCommit { commit_error, .. } => is_passing(commit_error),
        DieselError::DatabaseError(kind, information) => {
            use DatabaseErrorKind::{ClosedConnection, ReadOnlyTransaction, SerializationFailure};
            let message = information.message();
            matches!(kind, SerializationFailure | ClosedConnection | ReadOnlyTransaction)
                || PASSING.iter().any(|sign| message.contains(sign))
        }
        _ => false,
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// Without a body: only `server::error_responses` knows the style and the request's id.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_work_a_moment_later_is_503_and_a_fault_is_500() {
        let said = |message: &str| DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()));
        let code = |error: DieselError| ApiError::from(error).code;
        for message in ["database is locked", "disk I/O error", "FATAL:  the database system is starting up"] {
            assert_eq!(code(said(message)), Code::Unavailable, "{message}");
        }
        let on_commit = |commit: &str| DieselError::RollbackErrorOnCommit {
            rollback_error: Box::new(said("cannot rollback - no transaction is active")),
            commit_error: Box::new(said(commit)),
        };
        assert_eq!(code(on_commit("database or disk is full")), Code::Unavailable);
        assert_eq!(code(on_commit("syntax error")), Code::Internal);
        assert_eq!(code(said("no such table: api_keys")), Code::Internal);
        let read_only = DatabaseErrorKind::ReadOnlyTransaction;
        assert_eq!(code(DieselError::DatabaseError(read_only, Box::new(String::new()))), Code::Unavailable);
        assert_eq!(code(DieselError::NotFound), Code::NotFound);
    }
}
