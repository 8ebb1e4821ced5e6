//! `Idempotency-Key`: a POST that is sent again does nothing again.
//!
//! The key is claimed inside the transaction of the POST itself: of two at once, the second waits for the first, finds
//! its claim and answers what it made. A refusal rolls the claim back, so that a corrected request may use the key again.
//! Keys last 24 hours, and belong to one caller.

use crate::api::Caller;
use crate::base::error::{ApiError, Code};
use crate::base::sql::schema::idempotency_keys as keys;
use crate::base::sql::{Conn, each};
use crate::base::time::Timestamp;
use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use diesel::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt::Display;
use std::future::{Ready, ready};
use std::str::FromStr;
use std::time::Duration;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const RETENTION: Duration = Duration::from_secs(24 * 3600);
const MAX_LENGTH: usize = 255;

/// The header of a request, checked, with what identifies the request.
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
    let mut values = req.headers().get_all(HEADER);
    let Some(value) = values.next() else { return Ok(None) };
    let text = value
        .to_str()
        .ok()
        .filter(|text| (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()));
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text.to_owned())),
        _ => Err(ApiError::bad_request(format!("Idempotency-Key must be 1 to {MAX_LENGTH} visible ASCII characters."))),
    }
}

/// A request that may have been made before.
#[derive(Debug)]
pub struct Claim {
    key: Option<String>,
    caller_id: String,
    fingerprint: [u8; 32],
}

/// What came of it.
#[derive(Debug)]
pub enum ReplayOutcome<T> {
    /// It was done now.
    Done(T),
    /// It had been done before; this is the state of today.
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
    /// Runs `body` with the id of the thing to make, or, for a request that was made before, with the id of the thing
    /// that was made then, and `true`.
    ///
    /// # Errors
    /// `idempotency_key_reused` when the key came with another request, besides those of `body`.
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
    /// The same outcome with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> ReplayOutcome<U> {
        match self {
            Self::Done(value) => ReplayOutcome::Done(change(value)),
            Self::Replayed(value) => ReplayOutcome::Replayed(change(value)),
        }
    }
}

impl<T: Serialize> ReplayOutcome<T> {
    /// 201 for what was made now; 200 with `Idempotent-Replayed: true` for what was made before.
    pub fn respond(self) -> HttpResponse {
        match self {
            Self::Done(value) => HttpResponse::Created().json(value),
            Self::Replayed(value) => replayed(value),
        }
    }

    /// The same with 200 for what was done now: for a POST that makes nothing new.
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
