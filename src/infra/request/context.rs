//! [`RequestContext`]: the id, client and caller of the current request, for code that has no `HttpRequest`.
//!
//! It makes spans optional: at the filter `info` a request has no span, and its log lines take its id from here.

use super::{CallerId, RequestId};
use crate::base::ids::{OrganizationId, UserId};
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderValue, USER_AGENT};
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use tracing::Span;

tokio::task_local! {
    static CURRENT: Rc<RequestContext>;
}

/// The known facts about one request.
pub struct RequestContext {
    id: RequestId,
    client: Client,
    /// Set once the credential is verified.
    caller: Cell<Option<CallerId>>,
    /// The member for whom a service acts.
    on_behalf_of: Cell<Option<UserId>>,
    /// Set once the request may reach its handler.
    is_admitted: Cell<bool>,
    organization: Cell<Option<OrganizationId>>,
    changes_nothing: Cell<bool>,
}

/// The client that sent a request.
#[derive(Clone, Debug, Default)]
struct Client {
    address: Option<IpAddr>,
    /// Snapshot only for requests that may change something.
    user_agent: Option<HeaderValue>,
}

/// The id, caller and client of a request, for audit events.
#[derive(Clone, Debug)]
pub struct RequestOrigin {
    pub id: RequestId,
    /// `None` while the caller is unknown.
    pub caller: Option<CallerId>,
    /// The member for whom a service acts.
    pub on_behalf_of: Option<UserId>,
    client: Client,
}

impl RequestOrigin {
    /// Returns the origin of a request without a caller.
    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        Self { id: RequestId::random(), caller: None, on_behalf_of: None, client: Client::default() }
    }

    pub fn address(&self) -> Option<IpAddr> {
        self.client.address
    }

    /// Returns the `User-Agent` header as sent; kept only for requests that may change something.
    pub fn user_agent(&self) -> Option<&str> {
        self.client.user_agent.as_ref()?.to_str().ok()
    }
}

impl RequestContext {
    /// Creates the context of a new request. Cost: one allocation, and one header lookup if the request may change
    /// something.
    pub(crate) fn new(id: RequestId, client_address: Option<IpAddr>, req: &ServiceRequest) -> Rc<Self> {
        let reads = req.method().is_safe();
        let user_agent = if reads { None } else { req.headers().get(USER_AGENT).cloned() };
        let client = Client { address: client_address, user_agent };
        Rc::new(Self::unfinished(id, client, (None, None), reads))
    }

    /// Creates the context for a request's work on another thread.
    fn beside(RequestOrigin { id, caller, on_behalf_of, client }: RequestOrigin) -> Rc<Self> {
        Rc::new(Self::unfinished(id, client, (caller, on_behalf_of), false))
    }

    fn unfinished(
        id: RequestId,
        client: Client,
        (caller, on_behalf_of): (Option<CallerId>, Option<UserId>),
        changes_nothing: bool,
    ) -> Self {
        let (is_admitted, organization) = Default::default();
        Self {
            id,
            client,
            caller: Cell::new(caller),
            on_behalf_of: Cell::new(on_behalf_of),
            is_admitted,
            organization,
            changes_nothing: Cell::new(changes_nothing),
        }
    }

    /// Runs the request in its context. Cost at each poll: two writes to a thread-local variable.
    pub(crate) fn scope<F: Future>(self: Rc<Self>, request: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, request)
    }

    /// Returns the id of the current request; `None` outside of a request.
    pub fn current_id() -> Option<RequestId> {
        CURRENT.try_with(|context| context.id).ok()
    }

    /// Returns the address of the current request's client, behind the trusted proxies. It is computed once, when the
    /// request arrives.
    pub fn client_address() -> Option<IpAddr> {
        CURRENT.try_with(|context| context.client.address).ok().flatten()
    }

    /// Returns the origin of the current request; `None` outside of a request.
    pub fn origin() -> Option<RequestOrigin> {
        CURRENT.try_with(|context| context.to_origin()).ok()
    }

    fn to_origin(&self) -> RequestOrigin {
        let (caller, on_behalf_of) = (self.caller.get(), self.on_behalf_of.get());
        RequestOrigin { id: self.id, caller, on_behalf_of, client: self.client.clone() }
    }

    /// Sets the caller's id, for the log line at the end of the request.
    pub fn set_caller(caller: CallerId) {
        // Without a context there is no log line.
        _ = CURRENT.try_with(|context| context.caller.set(Some(caller)));
    }

    /// Sets the member for whom a service acts, for audit events.
    pub fn set_on_behalf_of(member: UserId) {
        // Without a context there is no request.
        _ = CURRENT.try_with(|context| context.on_behalf_of.set(Some(member)));
    }

    /// Records that the request may reach its handler.
    pub(crate) fn set_authenticated() {
        // Without a context nothing is counted.
        _ = CURRENT.try_with(|context| context.is_admitted.set(true));
    }

    /// Returns the caller, if the request may reach its handler.
    pub(crate) fn admitted(&self) -> Option<CallerId> {
        self.caller.get().filter(|_| self.is_admitted.get())
    }

    /// Sets the organization that the request is authorized for. From now on, any other database scope is refused.
    pub fn set_organization(organization: OrganizationId) {
        // Without a context there is no request.
        _ = CURRENT.try_with(|context| context.organization.set(Some(organization)));
    }

    /// Returns the organization that the current request is authorized for, if any.
    pub fn organization() -> Option<OrganizationId> {
        CURRENT.try_with(|context| context.organization.get()).ok().flatten()
    }

    /// Marks the request as one that changes nothing, whatever its method: it is logged as a read.
    pub fn mark_read_only() {
        _ = CURRENT.try_with(|context| context.changes_nothing.set(true));
    }

    pub(crate) fn is_read(&self) -> bool {
        self.changes_nothing.get()
    }

    pub(crate) fn caller(&self) -> Option<CallerId> {
        self.caller.get()
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.client.address
    }
}

/// Carries a span and the request's origin to a blocking thread, for log lines and audit events there.
pub struct InRequest {
    span: Span,
    origin: Option<RequestOrigin>,
}

impl InRequest {
    /// Captures the current request's origin, and the span for the work.
    pub fn capture(span: Span) -> Self {
        Self { span, origin: RequestContext::origin() }
    }

    /// Runs the work in the captured span and context.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let _entered = self.span.enter();
        match self.origin {
            Some(origin) => CURRENT.sync_scope(RequestContext::beside(origin), work),
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::KeyId;

    #[test]
    fn blocking_work_keeps_the_requests_id_and_caller() {
        let id = RequestId::random();
        let caller = CallerId::ApiKey(KeyId::new());
        let context = RequestContext::beside(RequestOrigin { id, ..RequestOrigin::of_nobody() });
        let carried = CURRENT.sync_scope(context.clone(), || {
            RequestContext::set_caller(caller);
            InRequest::capture(Span::none())
        });
        assert_eq!(context.caller(), Some(caller));
        assert_eq!(RequestContext::current_id(), None);
        let seen = std::thread::scope(|scope| {
            let InRequest { origin, span } = carried;
            let work = move || InRequest { span, origin }.run(RequestContext::origin);
            scope.spawn(work).join().unwrap().unwrap()
        });
        assert_eq!((seen.id, seen.caller), (id, Some(caller)));
    }
}
