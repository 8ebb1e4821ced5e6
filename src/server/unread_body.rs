//! [`UnreadBody`]: what is left of a body in chunks when its request is answered.
//!
//! The framework reads a body with a length on after an early answer, within [`LINGER`], and closes the connection. A body
//! in chunks has no known end. Once its payload is dropped, the framework would read it on for ever, and keep the
//! connection. So the payload is kept until the answer is written.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpResponse};
use futures_util::{Stream, StreamExt};
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the rest of a body is read on and discarded after an early answer, so that its client gets the answer: a
/// connection that is closed with unread bytes is reset, and the reset overtakes the answer.
pub(super) const LINGER: Duration = Duration::from_secs(5);
/// How many bytes of it are discarded.
pub(super) const LINGER_BYTES: u64 = 32 << 20;

/// The payload of a request with a body in chunks.
#[derive(Clone)]
pub(super) struct UnreadBody(Rc<RefCell<Payload>>);

impl UnreadBody {
    /// Shares the payload of a request, which reads it as before. `None` for a request without chunks.
    pub(super) fn of(req: &mut ServiceRequest) -> Option<Self> {
        if !req.headers().contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        let shared = Self(Rc::new(RefCell::new(req.take_payload())));
        req.set_payload(Payload::Stream { payload: Box::pin(shared.clone()) });
        Some(shared)
    }

    /// Keeps the payload until the answer is written.
    pub(super) fn kept_by(self, response: HttpResponse<BoxBody>) -> HttpResponse<BoxBody> {
        response.map_body(|_, body| BoxBody::new(Kept { body, _unread: self }))
    }
}

impl Stream for UnreadBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll_next_unpin(cx)
    }
}

struct Kept {
    body: BoxBody,
    _unread: UnreadBody,
}

impl MessageBody for Kept {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}
