//! [`RequestContext`]: what code that works for a request may ask about it, without having the request at hand.
//!
//! It is what makes an absent span affordable: at the filter `info` a request has none, and its id reaches a warning's line
//! from here.

use crate::http::RequestId;
use arrayvec::ArrayString;
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
    client_address: Option<IpAddr>,
    caller: Cell<Option<ArrayString<32>>>,
    changes_nothing: Cell<bool>,
}

impl RequestContext {
    /// The context of a request that begins. Cost: one allocation.
    pub(crate) fn new(id: RequestId, client_address: Option<IpAddr>, is_safe: bool) -> Rc<Self> {
        Rc::new(Self { id, client_address, caller: Cell::default(), changes_nothing: Cell::new(is_safe) })
    }

    /// The context of work for a request that arrived on another thread.
    fn beside(id: RequestId) -> Rc<Self> {
        Self::new(id, None, false)
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
        CURRENT.try_with(|context| context.client_address).ok().flatten()
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

    pub(super) fn caller(&self) -> Option<ArrayString<32>> {
        self.caller.get()
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        self.client_address
    }
}

/// Carries the request's span and id onto a blocking thread, so that what is logged there has them.
pub struct InRequest {
    span: Span,
    id: Option<RequestId>,
}

impl InRequest {
    /// Taken where the work is handed over.
    pub fn capture() -> Self {
        Self { span: Span::current(), id: RequestContext::current_id() }
    }

    /// Used where the work is done.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let _entered = self.span.enter();
        match self.id {
            Some(id) => CURRENT.sync_scope(RequestContext::beside(id), work),
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocking_work_keeps_the_requests_id() {
        let id = RequestId::random();
        let context = RequestContext::beside(id);
        let carried = CURRENT.sync_scope(context.clone(), || {
            RequestContext::caller_is("key_1");
            InRequest::capture()
        });
        assert_eq!(context.caller().unwrap().as_str(), "key_1");
        assert_eq!(RequestContext::current_id(), None);
        let seen = std::thread::scope(|scope| {
            let InRequest { id, span } = carried;
            let work = move || InRequest { span, id }.run(RequestContext::current_id);
            scope.spawn(work).join().unwrap()
        });
        assert_eq!(seen, Some(id));
    }
}
