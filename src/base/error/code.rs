//! Every error code of the wire contract, with its status, title and message.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($($variant:ident = $status:ident, $text:literal, $title:literal, $message:literal;)+) => {
        /// A stable, machine-readable reason. The variant's message is the default; an error may replace it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Code { $(#[doc = $message] #[serde(rename = $text)] $variant),+ }

        impl Code {
            /// All codes, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// Returns the spelling on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// A short heading for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }

            /// The default message.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message),+ }
            }
        }
    };
}

codes! {
    BadRequest = BAD_REQUEST, "bad_request", "Bad request", "The request is malformed.";
    MissingCredentials = UNAUTHORIZED, "missing_credentials", "Missing credentials",
        "No credentials were sent. Send \"Authorization: Bearer\" with an API key or an ID token.";
    InvalidAuthorizationFormat = UNAUTHORIZED, "invalid_authorization_format", "Invalid authorization format",
        "The Authorization header must have the form \"Bearer CREDENTIAL\".";
    InvalidApiKey = UNAUTHORIZED, "invalid_api_key", "Invalid API key", "The API key is not valid.";
    ApiKeyRevoked = UNAUTHORIZED, "api_key_revoked", "API key revoked", "The API key has been revoked. Create a new one.";
    ApiKeyDisabled = UNAUTHORIZED, "api_key_disabled", "API key disabled",
        "The API key is disabled. A person who manages it can enable it again.";
    ApiKeyExpired = UNAUTHORIZED, "api_key_expired", "API key expired", "The API key has expired. Create a new one.";
    ApiKeyOrphaned = UNAUTHORIZED, "api_key_orphaned", "API key orphaned",
        "The API key's creator no longer has access. A workspace admin can transfer the key to another member.";
    InvalidIdToken = UNAUTHORIZED, "invalid_id_token", "Invalid ID token", "The ID token is not valid. Sign in again.";
    IdTokenExpired = UNAUTHORIZED, "id_token_expired", "ID token expired", "The ID token has expired. Refresh it, or sign in again.";
    InvalidPortalSession = UNAUTHORIZED, "invalid_portal_session", "Invalid portal session",
        "The portal session is not valid, or has ended. Have a new one made.";
    PortalSessionExpired = UNAUTHORIZED, "portal_session_expired", "Portal session expired",
        "The portal session has expired. Have a new one made.";
    InsufficientPermission = FORBIDDEN, "insufficient_permission", "Insufficient permission",
        "Your role does not allow this.";
    ReadOnlyKey = FORBIDDEN, "read_only_key", "Read-only key", "The API key is read-only.";
    SubscriptionInactive = FORBIDDEN, "subscription_inactive", "Subscription inactive",
        "An active subscription is required to access the API.";
    IpNotAllowed = FORBIDDEN, "ip_not_allowed", "Address not allowed", "The API key can't be used from this address.";
    WorkspaceMismatch = FORBIDDEN, "workspace_mismatch", "Workspace mismatch",
        "X-Workspace-Id names another workspace than the API key's.";
    CredentialNotAccepted = FORBIDDEN, "credential_not_accepted", "Credential not accepted",
        "This endpoint does not take this kind of credential.";
    NotFound = NOT_FOUND, "not_found", "Not found", "There is no such thing here.";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed",
        "This path does not have this method. The Allow header lists those it has.";
    Conflict = CONFLICT, "conflict", "Conflict", "The request conflicts with the present state.";
    MaxActiveKeysReached = CONFLICT, "max_active_keys_reached", "Maximum active keys reached",
        "The workspace has as many active API keys as its plan allows. Revoke or delete unused keys, then try again.";
    IdempotencyKeyReused = CONFLICT, "idempotency_key_reused", "Idempotency key reused",
        "This Idempotency-Key came with another request. Use a new one for each request.";
    LastOwner = CONFLICT, "last_owner", "Last owner",
        "An organization must keep an owner. Make another member owner first.";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "Body too large", "The request's body is too large.";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type",
        "Send the body as application/json.";
    PreconditionFailed = PRECONDITION_FAILED, "precondition_failed", "Precondition failed",
        "The thing has changed since you read it. Read it again, and send its new ETag in If-Match.";
    ValidationFailed = UNPROCESSABLE_ENTITY, "validation_failed", "Validation failed", "The request is not acceptable.";
    RateLimited = TOO_MANY_REQUESTS, "rate_limited", "Too many requests", "Too many requests. Try again later.";
    Internal = INTERNAL_SERVER_ERROR, "internal", "Internal error",
        "Something went wrong here. If it persists, report the request id.";
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "Unavailable", "The service can't answer right now. Try again shortly.";
}
