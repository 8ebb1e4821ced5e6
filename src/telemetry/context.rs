//! [`RequestContext`]: what is known of the request that this task, or this blocking thread, works for.
//!
//! It is what makes an absent span affordable: at the filter `info` a read has none, and its id reaches a warning's line
//! from here. What a request brought is kept because a panic or a time-out leaves no request to ask.

use crate::http::request_id::X_REQUEST_ID;
use crate::http::{RequestId, RouteId, client_address};
use crate::state::State;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderValue, USER_AGENT};
use actix_web::http::{Method, Uri};
use actix_web::web;
use arrayvec::ArrayString;
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;
use tracing::Span;

tokio::task_local! {
    static CURRENT: Rc<RequestContext>;
}

/// What is known of a request.
pub struct RequestContext {
    id: RequestId,
    caller: Cell<Option<ArrayString<32>>>,
    client: Client,
    changes_nothing: Cell<bool>,
    arrival: Option<Arrival>,
}

/// Where a request came from.
#[derive(Clone, Debug, Default)]
struct Client {
    address: Option<IpAddr>,
    /// Kept of requests that may change something only.
    user_agent: Option<HeaderValue>,
}

/// Which request it is, who sent it and from where: what an audit event tells of it.
#[derive(Clone, Debug)]
pub struct RequestOrigin {
    /// The request.
    pub id: RequestId,
    /// The caller, by the id that logs know it by, once it is known.
    pub caller: Option<ArrayString<32>>,
    client: Client,
}

impl RequestOrigin {
    /// A request whose caller is not known.
    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        Self { id: RequestId::random(), caller: None, client: Client::default() }
    }

    /// The client's address.
    pub fn address(&self) -> Option<IpAddr> {
        self.client.address
    }

    /// What the client calls itself, as it was sent; of requests that may change something only.
    pub fn user_agent(&self) -> Option<&str> {
        self.client.user_agent.as_ref()?.to_str().ok()
    }
}

/// A request as it came.
pub(super) struct Arrival {
    pub(super) state: web::Data<State>,
    pub(super) started: Instant,
    pub(super) method: Method,
    /// The route, if it has no parameters; else actix will tell.
    pub(super) plain_route: Option<RouteId>,
    pub(super) uri: Uri,
    inbound_request_id: Option<HeaderValue>,
}

impl RequestContext {
    /// The context of a request that begins. Cost: one allocation, one look at the clock, and reference counts; for a
    /// request that may change something one look at its headers more.
    pub(crate) fn of(id: RequestId, state: web::Data<State>, req: &ServiceRequest) -> Self {
        let reads = req.method().is_safe();
        let client = Client {
            address: client_address(req.request(), &state.config.server.trusted_proxies),
            user_agent: if reads { None } else { req.headers().get(USER_AGENT).cloned() },
        };
        let arrival = Arrival {
            started: state.clock.stopwatch(),
            method: req.method().clone(),
            plain_route: state.routes.of_plain_path(req.path()),
            uri: req.uri().clone(),
            inbound_request_id: req.headers().get(X_REQUEST_ID).cloned(),
            state,
        };
        Self { id, caller: Cell::default(), client, changes_nothing: Cell::new(reads), arrival: Some(arrival) }
    }

    /// The context of work for a request that arrived on another thread.
    fn beside(RequestOrigin { id, caller, client }: RequestOrigin) -> Self {
        Self { id, caller: Cell::new(caller), client, changes_nothing: Cell::default(), arrival: None }
    }

    /// Runs the request in its context. Cost at each poll: two writes to a thread's own variable.
    pub(crate) fn scope<F: Future>(self, request: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(Rc::new(self), request)
    }

    /// The id of the request that this code works for, if it works for one.
    pub fn current_id() -> Option<RequestId> {
        CURRENT.try_with(|context| context.id).ok()
    }

    /// The request that this code works for, if it works for one.
    pub fn origin() -> Option<RequestOrigin> {
        CURRENT.try_with(|context| context.to_origin()).ok()
    }

    fn to_origin(&self) -> RequestOrigin {
        RequestOrigin { id: self.id, caller: self.caller.get(), client: self.client.clone() }
    }

    /// Tells who the caller is, by the id that logs know it by, for the line at the request's end.
    pub fn caller_is(caller: &str) {
        // Without a context there is no line to write it on.
        _ = CURRENT.try_with(|context| context.caller.set(ArrayString::from(caller).ok()));
    }

    /// Tells that the request changes nothing, though its method may: its line is that of a read.
    pub fn changes_nothing() {
        _ = CURRENT.try_with(|context| context.changes_nothing.set(true));
    }

    pub(super) fn is_read(&self) -> bool {
        self.changes_nothing.get()
    }

    pub(super) fn current() -> Option<Rc<Self>> {
        CURRENT.try_with(Rc::clone).ok()
    }

    pub(super) fn caller(&self) -> Option<ArrayString<32>> {
        self.caller.get()
    }

    pub(super) fn client_address(&self) -> Option<IpAddr> {
        self.client.address
    }

    pub(super) fn arrival(&self) -> Option<&Arrival> {
        self.arrival.as_ref()
    }
}

impl Arrival {
    /// The inbound request id, cut to 64 plain characters: the one thing on a line that the caller chose.
    pub(super) fn inbound_request_id(&self) -> Option<String> {
        let inbound = self.inbound_request_id.as_ref()?.to_str().ok()?;
        Some(inbound.chars().filter(char::is_ascii_graphic).take(64).collect())
    }
}

/// Carries the request's span and origin onto a blocking thread, so that what is logged and recorded there has them.
pub struct InRequest {
    span: Span,
    origin: Option<RequestOrigin>,
}

impl InRequest {
    /// Taken where the work is handed over.
    pub fn capture() -> Self {
        Self { span: Span::current(), origin: RequestContext::origin() }
    }

    /// Used where the work is done.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let _entered = self.span.enter();
        match self.origin {
            Some(origin) => {
                let context = RequestContext::beside(origin);
                CURRENT.sync_scope(Rc::new(context), work)
            }
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocking_work_keeps_the_requests_id_and_caller() {
        let id = RequestId::random();
        let context = RequestContext::beside(RequestOrigin { id, ..RequestOrigin::of_nobody() });
        let carried = CURRENT.sync_scope(Rc::new(context), || {
            RequestContext::caller_is("key_1");
            assert_eq!(RequestContext::current().unwrap().caller().unwrap().as_str(), "key_1");
            InRequest::capture()
        });
        assert_eq!(RequestContext::current_id(), None);
        let seen = std::thread::scope(|scope| {
            let InRequest { origin, span } = carried;
            let work = move || InRequest { span, origin }.run(RequestContext::origin);
            scope.spawn(work).join().unwrap().unwrap()
        });
        assert_eq!((seen.id, seen.caller.as_deref()), (id, Some("key_1")));
    }
}
