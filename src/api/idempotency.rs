//! `Idempotency-Key`: a repeated POST has no second effect.
//!
//! The POST claims the key inside its own transaction. Of two simultaneous requests, the second waits for the first,
//! finds the claim, and responds with what the first one was answered, without secrets: also if the thing was changed
//! or deleted since. An error rolls the claim back, so that a corrected request may use the key again. Keys last 24
//! hours, and belong to one caller. Bodies are the same if they mean the same JSON.

use crate::api::{Caller, named_member};
use crate::base::error::{ApiError, Code};
use crate::base::sql::schema::idempotency_keys as keys;
use crate::base::sql::{Conn, each};
use crate::base::time::Timestamp;
use crate::infra::http::DecidingHeader;
use actix_web::dev::Payload;
use actix_web::http::header::ContentType;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Display;
use std::future::{Ready, ready};
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
                caller_id: caller_id(req, &caller)?,
                target: format!("{} {}", req.method(), req.path()),
            })
        }))
    }
}

/// The caller that a key belongs to. A service that acts for several members has the keys of each apart.
fn caller_id(req: &HttpRequest, caller: &Caller) -> Result<String, ApiError> {
    let id = caller.id();
    Ok(match (caller, named_member(req)?) {
        (Caller::Service(_), Some(member)) => format!("{id} for {member}"),
        _ => id.to_string(),
    })
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
    /// The request ran before; this JSON is what it was answered, without secrets.
    Replayed(String),
}

impl Idempotency {
    /// Binds the key to the body, so that it can't be used for another request.
    pub fn claim(self, body: &[u8]) -> Claim {
        let body = canonical(body);
        let fingerprint = Sha256::new().chain_update(&self.target).chain_update([0]).chain_update(body).finalize();
        Claim { key: self.key, caller_id: self.caller_id, fingerprint: fingerprint.into() }
    }
}

/// Returns the JSON of a body in one form: without blanks, the fields by name. A body that says nothing is `{}`.
fn canonical(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Null) => b"{}".to_vec(),
        Ok(mut value) => {
            value.sort_all_objects();
            value.to_string().into_bytes()
        }
        Err(_) if body.trim_ascii().is_empty() => b"{}".to_vec(),
        Err(_) => body.to_vec(),
    }
}

impl Claim {
    /// Runs `body` with `id`, and stores what `answer` makes of the result, which must have no secret. A repeated request
    /// runs neither, and gets the stored answer.
    ///
    /// # Errors
    /// `idempotency_key_reused` when the key belongs to another request, `conflict` when an earlier release took the
    /// first one, and those of `body`.
    pub fn run<Id: Display, T, A: Serialize>(
        self,
        conn: &mut Conn,
        id: Id,
        now: Timestamp,
        body: impl FnOnce(&mut Conn, Id) -> Result<T, ApiError>,
        answer: impl FnOnce(&T) -> A,
    ) -> Result<ReplayOutcome<T>, ApiError> {
        let Some(key) = self.key else { return body(conn, id).map(ReplayOutcome::Done) };
        diesel::delete(keys::table.filter(keys::created_at.le(now.minus(RETENTION)))).execute(conn)?;
        let row = (
            keys::caller_id.eq(&self.caller_id),
            keys::idempotency_key.eq(&key),
            keys::fingerprint.eq(&self.fingerprint[..]),
            keys::resource_id.eq(id.to_string()),
            keys::created_at.eq(now),
        );
        let claimed = each!(conn, |native| {
            diesel::insert_into(keys::table).values(row).on_conflict_do_nothing().execute(native)
        })?;
        let own = keys::table.find((&self.caller_id, &key));
        if claimed == 1 {
            let done = body(conn, id)?;
            let answer = serde_json::to_string(&answer(&done)).map_err(ApiError::internal)?;
            diesel::update(own).set(keys::answer.eq(answer)).execute(conn)?;
            return Ok(ReplayOutcome::Done(done));
        }
        let (fingerprint, answer): (Vec<u8>, Option<String>) =
            own.select((keys::fingerprint, keys::answer)).first(conn)?;
        if fingerprint != self.fingerprint {
            return Err(Code::IdempotencyKeyReused.into());
        }
        answer.map(ReplayOutcome::Replayed).ok_or_else(|| {
            let message =
                "This request was done before an upgrade, which has lost its answer. Read the thing that it made.";
            ApiError::with_message(Code::Conflict, message)
        })
    }
}

impl<T> ReplayOutcome<T> {
    /// Converts the value, and keeps the outcome.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> ReplayOutcome<U> {
        match self {
            Self::Done(value) => ReplayOutcome::Done(change(value)),
            Self::Replayed(answer) => ReplayOutcome::Replayed(answer),
        }
    }
}

impl<T: Serialize> ReplayOutcome<T> {
    /// Responds 201 to a new request, and 200 with `Idempotent-Replayed: true` to a repeated one.
    pub fn respond(self) -> HttpResponse {
        match self {
            Self::Done(value) => HttpResponse::Created().json(value),
            Self::Replayed(answer) => replayed(answer),
        }
    }

    /// As [`Self::respond`], but with 200 for a new request: for a POST that creates nothing.
    pub fn respond_ok(self) -> HttpResponse {
        match self {
            Self::Done(value) => HttpResponse::Ok().json(value),
            Self::Replayed(answer) => replayed(answer),
        }
    }
}

fn replayed(answer: String) -> HttpResponse {
    HttpResponse::Ok().insert_header(("Idempotent-Replayed", "true")).content_type(ContentType::json()).body(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_the_same_meaning_have_one_form() {
        let same = [r#"{"b":[1,{"d":1,"c":"é"}],"a":null}"#, " {\"a\" : null,\n\"b\":[1,{\"c\":\"\\u00e9\",\"d\":1}]}"];
        assert_eq!(canonical(same[0].as_bytes()), canonical(same[1].as_bytes()));
        for other in [r#"{"b":[{"d":1,"c":"é"},1],"a":null}"#, r#"{"b":[1,{"d":1,"c":"é"}]}"#, "[]"] {
            assert_ne!(canonical(same[0].as_bytes()), canonical(other.as_bytes()), "{other}");
        }
        assert!(["", " ", "null", "{ }"].iter().all(|text| canonical(text.as_bytes()) == b"{}"));
    }
}
