//! `Idempotency-Key`: a repeated POST has no second effect.
//!
//! The POST claims the key inside its own transaction. Of two simultaneous requests, the second waits for the first,
//! finds the claim, and responds with the first one's result. An error rolls the claim back, so that a corrected
//! request may use the key again. Keys last 24 hours, and belong to one caller.

use crate::api::Caller;
use crate::base::error::{ApiError, Code};
use crate::base::sql::schema::idempotency_keys as keys;
use crate::base::sql::{Conn, each};
use crate::base::time::Timestamp;
use crate::infra::http::DecidingHeader;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use diesel::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt::Display;
use std::future::{Ready, ready};
use std::str::FromStr;
use std::time::Duration;

const RETENTION: Duration = Duration::from_secs(24 * 3600);
const MAX_LENGTH: usize = 255;

/// The validated header, with the request's caller and target.
#[derive(Debug)]
pub struct Idempotency {
    key: Option<String>,
    caller_id: String,
    target: String,
}

impl utoipa::IntoParams for Idempotency {
    fn into_params(
        _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_LENGTH));
        vec![
            ParameterBuilder::new()
                .name("Idempotency-Key")
                .parameter_in(ParameterIn::Header)
                .description(Some("Makes it safe to send the request again within 24 hours: it is done once."))
                .schema(Some(text.pattern(Some("^[!-~]+$"))))
                .build(),
        ]
    }
}

impl FromRequest for Idempotency {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(req, payload).into_inner();
        ready(caller.and_then(|caller| {
            Ok(Self {
                key: key_of(req)?,
                caller_id: caller.id().to_string(),
                target: format!("{} {}", req.method(), req.path()),
            })
        }))
    }
}

fn key_of(req: &HttpRequest) -> Result<Option<String>, ApiError> {
    let Some(value) = DecidingHeader::IdempotencyKey.read(req.headers())? else { return Ok(None) };
    let text = value
        .to_str()
        .ok()
        .filter(|text| (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()));
    match text {
        Some(text) => Ok(Some(text.to_owned())),
        None => {
            Err(ApiError::bad_request(format!("Idempotency-Key must be 1 to {MAX_LENGTH} visible ASCII characters.")))
        }
    }
}

/// The claim of an idempotency key for one request.
#[derive(Debug)]
pub struct Claim {
    key: Option<String>,
    caller_id: String,
    fingerprint: [u8; 32],
}

/// The result of a request with an idempotency key.
#[derive(Debug)]
pub enum ReplayOutcome<T> {
    /// The request ran now.
    Done(T),
    /// The request ran before; the value is the present state.
    Replayed(T),
}

impl Idempotency {
    /// Binds the key to the body, so that it can't be used for another request.
    pub fn claim(self, body: &[u8]) -> Claim {
        let fingerprint = Sha256::new().chain_update(&self.target).chain_update([0]).chain_update(body).finalize();
        Claim { key: self.key, caller_id: self.caller_id, fingerprint: fingerprint.into() }
    }
}

impl Claim {
    /// Runs `body` with `new_id` and `false`. For a repeated request, it runs `body` with the id of the first request's
    /// resource and `true`.
    ///
    /// # Errors
    /// `idempotency_key_reused` when the key belongs to another request, and those of `body`.
    pub fn run<Id, T>(
        self,
        conn: &mut Conn,
        new_id: Id,
        now: Timestamp,
        body: impl FnOnce(&mut Conn, Id, bool) -> Result<T, ApiError>,
    ) -> Result<ReplayOutcome<T>, ApiError>
    where
        Id: FromStr<Err = String> + Display,
    {
        let Some(key) = self.key else { return body(conn, new_id, false).map(ReplayOutcome::Done) };
        diesel::delete(keys::table.filter(keys::created_at.le(now.minus(RETENTION)))).execute(conn)?;
        let row = (
            keys::caller_id.eq(&self.caller_id),
            keys::idempotency_key.eq(&key),
            keys::fingerprint.eq(&self.fingerprint[..]),
            keys::resource_id.eq(new_id.to_string()),
            keys::created_at.eq(now),
        );
        let claimed = each!(conn, |native| {
            diesel::insert_into(keys::table).values(row).on_conflict_do_nothing().execute(native)
        })?;
        if claimed == 1 {
            return body(conn, new_id, false).map(ReplayOutcome::Done);
        }
        let (fingerprint, resource): (Vec<u8>, String) =
            keys::table.find((&self.caller_id, &key)).select((keys::fingerprint, keys::resource_id)).first(conn)?;
        if fingerprint != self.fingerprint {
            return Err(Code::IdempotencyKeyReused.into());
        }
        let id = resource.parse().map_err(ApiError::internal)?;
        body(conn, id, true).map(ReplayOutcome::Replayed)
    }
}

impl<T> ReplayOutcome<T> {
    /// Converts the value, and keeps the outcome.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> ReplayOutcome<U> {
        match self {
            Self::Done(value) => ReplayOutcome::Done(change(value)),
            Self::Replayed(value) => ReplayOutcome::Replayed(change(value)),
        }
    }
}

impl<T: Serialize> ReplayOutcome<T> {
    /// Responds 201 to a new request, and 200 with `Idempotent-Replayed: true` to a repeated one.
    pub fn respond(self) -> HttpResponse {
        match self {
            Self::Done(value) => HttpResponse::Created().json(value),
            Self::Replayed(value) => replayed(value),
        }
    }

    /// As [`Self::respond`], but with 200 for a new request: for a POST that creates nothing.
    pub fn respond_ok(self) -> HttpResponse {
        match self {
            Self::Done(value) => HttpResponse::Ok().json(value),
            Self::Replayed(value) => replayed(value),
        }
    }
}

fn replayed<T: Serialize>(value: T) -> HttpResponse {
    HttpResponse::Ok().insert_header(("Idempotent-Replayed", "true")).json(value)
}
