//! The errors of Firebase's REST API, in Firebase's format.

use crate::base::error::ApiError;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use std::fmt;

/// An error of the built-in provider, with Firebase's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirebaseError {
    /// Anonymous sign-up.
    AdminOnlyOperation,
    /// The change needs a recent sign-in.
    CredentialTooOldLoginAgain,
    /// The address has an account.
    EmailExists,
    InvalidEmail,
    ExpiredOobCode,
    /// A grant type other than `refresh_token`.
    InvalidGrantType,
    /// An ID token that is not valid here.
    InvalidIdToken,
    /// Not JSON, or not the request's shape.
    InvalidJson,
    /// Unknown address or wrong password.
    InvalidLoginCredentials,
    /// A mailed code that is unknown, used or replaced.
    InvalidOobCode,
    /// A rejected name or picture URL, with the reason.
    InvalidProfileAttribute(&'static str),
    /// Not in the form of a refresh token.
    InvalidRefreshToken,
    MissingEmail,
    MissingGrantType,
    MissingIdToken,
    MissingOobCode,
    MissingPassword,
    /// The kind of mail is missing.
    MissingReqType,
    MissingRefreshToken,
    /// The operation is not offered.
    OperationNotAllowed,
    /// The operation is not available now, with the reason.
    NotAllowedBecause(&'static str),
    /// The session has ended; the user must sign in again.
    TokenExpired,
    /// Too many sign-ins.
    TooManyAttemptsTryLater,
    /// A page to go on at whose origin the configuration does not name.
    UnauthorizedDomain,
    /// The operator disabled the account.
    UserDisabled,
    UserNotFound,
    /// The password has fewer characters than this.
    ShortPassword(usize),
    /// A rejected password, with the reason.
    WeakPassword(&'static str),
}

impl FirebaseError {
    fn code(self) -> &'static str {
        match self {
            Self::AdminOnlyOperation => "ADMIN_ONLY_OPERATION",
            Self::CredentialTooOldLoginAgain => "CREDENTIAL_TOO_OLD_LOGIN_AGAIN",
            Self::EmailExists => "EMAIL_EXISTS",
            Self::ExpiredOobCode => "EXPIRED_OOB_CODE",
            Self::InvalidEmail => "INVALID_EMAIL",
            Self::InvalidGrantType => "INVALID_GRANT_TYPE",
            Self::InvalidIdToken => "INVALID_ID_TOKEN",
            Self::InvalidJson => "INVALID_JSON",
            Self::InvalidLoginCredentials => "INVALID_LOGIN_CREDENTIALS",
            Self::InvalidOobCode => "INVALID_OOB_CODE",
            Self::InvalidProfileAttribute(_) => "INVALID_PROFILE_ATTRIBUTE",
            Self::InvalidRefreshToken => "INVALID_REFRESH_TOKEN",
            Self::MissingEmail => "MISSING_EMAIL",
            Self::MissingGrantType => "MISSING_GRANT_TYPE",
            Self::MissingIdToken => "MISSING_ID_TOKEN",
            Self::MissingOobCode => "MISSING_OOB_CODE",
            Self::MissingPassword => "MISSING_PASSWORD",
            Self::MissingReqType => "MISSING_REQ_TYPE",
            Self::MissingRefreshToken => "MISSING_REFRESH_TOKEN",
            Self::OperationNotAllowed | Self::NotAllowedBecause(_) => "OPERATION_NOT_ALLOWED",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::TooManyAttemptsTryLater => "TOO_MANY_ATTEMPTS_TRY_LATER",
            Self::UnauthorizedDomain => "UNAUTHORIZED_DOMAIN",
            Self::UserDisabled => "USER_DISABLED",
            Self::UserNotFound => "USER_NOT_FOUND",
            Self::ShortPassword(_) | Self::WeakPassword(_) => "WEAK_PASSWORD",
        }
    }
}

impl FirebaseError {
    /// Returns the message about a new password for its user; `None` for other errors.
    pub(crate) fn about_password(&self) -> Option<String> {
        match self {
            Self::ShortPassword(least) => Some(format!("Password should be at least {least} characters")),
            Self::WeakPassword(reason) => Some((*reason).to_owned()),
            _ => None,
        }
    }
}

/// The code, and for some errors ` : ` and an explanation. Clients split the text there.
impl fmt::Display for FirebaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortPassword(_) | Self::WeakPassword(_) => {
                write!(f, "{} : {}", self.code(), self.about_password().unwrap_or_default())
            }
            Self::InvalidProfileAttribute(reason) | Self::NotAllowedBecause(reason) => {
                write!(f, "{} : {reason}", self.code())
            }
            Self::UnauthorizedDomain => {
                write!(f, "{} : The origin of continueUrl is none of this server's pages.", self.code())
            }
            other => f.write_str(other.code()),
        }
    }
}

impl ResponseError for FirebaseError {
    fn status_code(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }

    fn error_response(&self) -> HttpResponse {
        let message = self.to_string();
        let errors = vec![ErrorItem { message: message.clone(), domain: "global", reason: "invalid" }];
        let code = self.status_code().as_u16();
        HttpResponse::BadRequest().json(FirebaseErrorBody { error: ErrorStatus { code, message, errors } })
    }
}

/// An error of Firebase's API.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct FirebaseErrorBody {
    error: ErrorStatus,
}

/// What went wrong.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = FirebaseErrorStatus)]
struct ErrorStatus {
    #[schema(example = 400)]
    code: u16,
    /// A code; for some, ` : ` and an explanation follow.
    #[schema(example = "INVALID_LOGIN_CREDENTIALS")]
    message: String,
    errors: Vec<ErrorItem>,
}

/// The same, as Google's older APIs have it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = FirebaseErrorItem)]
struct ErrorItem {
    #[schema(example = "INVALID_LOGIN_CREDENTIALS")]
    message: String,
    #[schema(example = "global")]
    domain: &'static str,
    #[schema(example = "invalid")]
    reason: &'static str,
}

/// A Firebase error, or another failure, such as of the database.
#[derive(Debug)]
pub(crate) enum FirebaseRefusal {
    /// Answered with 400.
    Firebase(FirebaseError),
    /// Answered with the status of its code.
    Api(ApiError),
}

/// The result of a transaction. A `FirebaseError` comes before any change, so nothing is rolled back.
pub(crate) type TransactionAnswer<T> = Result<Result<T, FirebaseError>, ApiError>;

/// For the operator.
impl fmt::Display for FirebaseRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Firebase(error) => match error.about_password() {
                Some(reason) => f.write_str(&reason),
                None => error.fmt(f),
            },
            Self::Api(error) => error.fmt(f),
        }
    }
}

impl From<FirebaseError> for FirebaseRefusal {
    fn from(error: FirebaseError) -> Self {
        Self::Firebase(error)
    }
}

impl From<ApiError> for FirebaseRefusal {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<FirebaseRefusal> for actix_web::Error {
    fn from(refusal: FirebaseRefusal) -> Self {
        match refusal {
            FirebaseRefusal::Firebase(error) => error.into(),
            FirebaseRefusal::Api(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn the_body_has_firebases_shape() {
        let response = FirebaseError::ShortPassword(6).error_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers().get("content-type").unwrap(), "application/json");
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let message = "WEAK_PASSWORD : Password should be at least 6 characters";
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&body).unwrap(),
            serde_json::json!({"error": {
                "code": 400, "message": message,
                "errors": [{"message": message, "domain": "global", "reason": "invalid"}],
            }})
        );
    }
}
