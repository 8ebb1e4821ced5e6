//! `Expect: 100-continue`: a client that asks before it sends its body (RFC 9110, section 10.1.1).
//!
//! The framework would tell each such client to go on, and look at the request afterwards. Here the request is handled
//! first. The client is asked for the body once a handler waits for it. A request that is refused without its body gets
//! the refusal itself.

use actix_http::body::{BoxBody, MessageBody};
use actix_http::error::PayloadError;
use actix_http::{BoxedPayloadStream, HttpMessage, Payload, Request, Response};
use actix_service::{Service, ServiceFactory};
use actix_web::web::Bytes;
use futures_util::future::{Either, LocalBoxFuture, Map};
use futures_util::{FutureExt, Stream, StreamExt};
use std::cell::{Cell, OnceCell};
use std::future::{Ready, poll_fn, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

type Answer<B> = Result<Response<B>, Response<BoxBody>>;
type Underway<B> = LocalBoxFuture<'static, Answer<B>>;
/// Begins to handle a request, by the application of one worker.
type Begin<B> = Rc<dyn Fn(Request) -> Underway<B>>;
type Application<B> = Rc<OnceCell<Begin<B>>>;

/// Returns the two services of a worker: the one for requests that ask first, and the application.
pub(super) fn asking_first<F, B>(factory: F) -> (Expectation<B>, AskingFirst<F, B>) {
    let application = Application::default();
    (Expectation(application.clone()), AskingFirst { factory, application })
}

/// Handles a request until it is answered or waits for its body.
pub(super) struct Expectation<B>(Application<B>);

impl<B: MessageBody + 'static> ServiceFactory<Request> for Expectation<B> {
    type Response = Request;
    type Error = Response<BoxBody>;
    type Config = ();
    type Service = Self;
    type InitError = ();
    type Future = Ready<Result<Self, ()>>;

    fn new_service(&self, (): ()) -> Self::Future {
        ready(Ok(Self(self.0.clone())))
    }
}

impl<B: MessageBody + 'static> Service<Request> for Expectation<B> {
    type Response = Request;
    type Error = Response<BoxBody>;
    type Future = LocalBoxFuture<'static, Result<Request, Response<BoxBody>>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    /// Returns the answer as an error, since the framework then asks for no body. Else returns a request that stands for
    /// the one that is underway.
    fn call(&self, mut req: Request) -> Self::Future {
        let Some(begin) = self.0.get().cloned() else { return Box::pin(ready(Ok(req))) };
        let is_awaited = Rc::new(Cell::new(false));
        let body = Asked { body: req.take_payload(), is_awaited: is_awaited.clone() };
        let (req, _) = req.replace_payload(Payload::Stream { payload: Box::pin(body) as BoxedPayloadStream });
        let mut underway = begin(req);
        Box::pin(async move {
            let answered = poll_fn(|cx| match underway.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if is_awaited.get() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            match answered.await {
                Some(answer) => Err(answer.map_or_else(|refusal| refusal, |response| response.map_into_boxed_body())),
                None => {
                    let standing = Request::new();
                    standing.extensions_mut().insert(underway);
                    Ok(standing)
                }
            }
        })
    }
}

/// A body that notes when a handler waits for it.
struct Asked {
    body: Payload,
    is_awaited: Rc<Cell<bool>>,
}

impl Stream for Asked {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.is_awaited.set(true);
        this.body.poll_next_unpin(cx)
    }
}

/// The application, which also goes on with requests that [`Expectation`] has begun.
pub(super) struct AskingFirst<F, B> {
    factory: F,
    application: Application<B>,
}

impl<F, B> ServiceFactory<Request> for AskingFirst<F, B>
where
    F: ServiceFactory<Request, Config = ()> + 'static,
    F::Service: 'static,
    F::Future: 'static,
    F::Response: Into<Response<B>>,
    F::Error: Into<Response<BoxBody>>,
    <F::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<B>;
    type Error = Response<BoxBody>;
    type Config = ();
    type Service = Handling<F::Service, B>;
    type InitError = F::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Service, F::InitError>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let (made, application) = (self.factory.new_service(()), self.application.clone());
        Box::pin(async move {
            let service = Rc::new(made.await?);
            let shared = service.clone();
            let begin: Begin<B> = Rc::new(move |req| shared.call(req).map(into_answer).boxed_local());
            // A worker makes its application once.
            let _ = application.set(begin);
            Ok(Handling { service, body: PhantomData })
        })
    }
}

fn into_answer<B, R: Into<Response<B>>, E: Into<Response<BoxBody>>>(outcome: Result<R, E>) -> Answer<B> {
    outcome.map(Into::into).map_err(Into::into)
}

/// The application of one worker.
pub(super) struct Handling<S, B> {
    service: Rc<S>,
    body: PhantomData<B>,
}

impl<S, B> Service<Request> for Handling<S, B>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
    S::Error: Into<Response<BoxBody>>,
    B: MessageBody + 'static,
{
    type Response = Response<B>;
    type Error = Response<BoxBody>;
    type Future = Either<Map<S::Future, fn(Result<S::Response, S::Error>) -> Answer<B>>, Underway<B>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(cx).map_err(Into::into)
    }

    fn call(&self, req: Request) -> Self::Future {
        // The request that stands for one underway has no headers.
        if req.headers().is_empty()
            && let Some(underway) = req.extensions_mut().remove::<Underway<B>>()
        {
            return Either::Right(underway);
        }
        Either::Left(self.service.call(req).map(into_answer as fn(_) -> _))
    }
}
