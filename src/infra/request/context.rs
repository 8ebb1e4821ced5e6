//! [`RequestContext`]: what code that works for a request may ask about it, without having the request at hand.
//!
//! It is what makes an absent span affordable: at the filter `info` a request has none, and its id reaches a warning's line
//! from here.

use super::{CallerId, RequestId};
use crate::base::ids::OrganizationId;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderValue, USER_AGENT};
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use tracing::Span;

tokio::task_local! {
    static CURRENT: Rc<RequestContext>;
}

/// What is known of a request.
pub struct RequestContext {
    id: RequestId,
    client: Client,
    /// Known as soon as its credential was found good.
    caller: Cell<Option<CallerId>>,
    /// Set once it may go on to a handler.
    is_admitted: Cell<bool>,
    organization: Cell<Option<OrganizationId>>,
    changes_nothing: Cell<bool>,
}

/// Where a request came from.
#[derive(Clone, Debug, Default)]
struct Client {
    address: Option<IpAddr>,
    /// Snapshot of requests that may change something only.
    user_agent: Option<HeaderValue>,
}

/// Which request it is, who sent it and from where: what an audit event tells of it.
#[derive(Clone, Debug)]
pub struct RequestOrigin {
    /// The request.
    pub id: RequestId,
    /// The caller, by the id that logs know it by, once it is known.
    pub caller: Option<CallerId>,
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

impl RequestContext {
    /// The context of a request that begins. Cost: one allocation; for a request that may change something one look at its
    /// headers more.
    pub(crate) fn new(id: RequestId, client_address: Option<IpAddr>, req: &ServiceRequest) -> Rc<Self> {
        let reads = req.method().is_safe();
        let user_agent = if reads { None } else { req.headers().get(USER_AGENT).cloned() };
        let client = Client { address: client_address, user_agent };
        Rc::new(Self::unfinished(id, client, None, reads))
    }

    /// The context of work for a request that arrived on another thread.
    fn beside(RequestOrigin { id, caller, client }: RequestOrigin) -> Rc<Self> {
        Rc::new(Self::unfinished(id, client, caller, false))
    }

    fn unfinished(id: RequestId, client: Client, caller: Option<CallerId>, changes_nothing: bool) -> Self {
        let (caller, changes_nothing) = (Cell::new(caller), Cell::new(changes_nothing));
        Self { id, client, caller, is_admitted: Cell::default(), organization: Cell::default(), changes_nothing }
    }

    /// Runs the request in its context. Cost at each poll: two writes to a thread's own variable.
    pub(crate) fn scope<F: Future>(self: Rc<Self>, request: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, request)
    }

    /// The id of the request that this code works for, if it works for one.
    pub fn current_id() -> Option<RequestId> {
        CURRENT.try_with(|context| context.id).ok()
    }

    /// The address of the client whose request this code works for, behind the proxies that configuration trusts. Worked
    /// out once, when the request came.
    pub fn client_address() -> Option<IpAddr> {
        CURRENT.try_with(|context| context.client.address).ok().flatten()
    }

    /// The request that this code works for, if it works for one.
    pub fn origin() -> Option<RequestOrigin> {
        CURRENT.try_with(|context| context.to_origin()).ok()
    }

    fn to_origin(&self) -> RequestOrigin {
        RequestOrigin { id: self.id, caller: self.caller.get(), client: self.client.clone() }
    }

    /// Tells who the caller is, by the id that logs know it by, for the line at the request's end.
    pub fn set_caller(caller: CallerId) {
        // Without a context there is no line to write it on.
        _ = CURRENT.try_with(|context| context.caller.set(Some(caller)));
    }

    /// Notes that the caller may go on to the handler.
    pub(crate) fn set_authenticated() {
        // Without a context nothing is counted.
        _ = CURRENT.try_with(|context| context.is_admitted.set(true));
    }

    /// The caller, if it may go on to the handler.
    pub(crate) fn admitted(&self) -> Option<CallerId> {
        self.caller.get().filter(|_| self.is_admitted.get())
    }

    /// Tells that the request was let into an organization: from now on it asks the database for nothing else's rows.
    pub fn set_organization(organization: OrganizationId) {
        // Without a context there is no request.
        _ = CURRENT.try_with(|context| context.organization.set(Some(organization)));
    }

    /// The organization that the request was let into, if this code works for a request that was.
    pub fn organization() -> Option<OrganizationId> {
        CURRENT.try_with(|context| context.organization.get()).ok().flatten()
    }

    /// Tells that the request changes nothing, though its method may: its line is that of a read.
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

/// Carries a span and the request's origin onto a blocking thread, so that what is logged and recorded there has them.
pub struct InRequest {
    span: Span,
    origin: Option<RequestOrigin>,
}

impl InRequest {
    /// Taken where the work is handed over, which is to be done in this span.
    pub fn capture(span: Span) -> Self {
        Self { span, origin: RequestContext::origin() }
    }

    /// Used where the work is done.
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
