//! [`Pipeline`]: the outermost middleware, and the order of its steps.
//!
//! The request gets its id and its context; it runs in bounded time; its error is written; it is counted and logged;
//! and the answer gets the id. Each step is a function in a file of its own. They are one middleware, because each
//! middleware is a boxed future, which moves the request in and the response out: four of them cost as much as all of
//! authentication.

use crate::api::State;
use crate::base::time::Moment;
use crate::infra::http::{DecidingHeader, RouteId, client_address, portal_cors};
use crate::infra::request::RequestContext;
use crate::infra::request::{RequestId, id as request_id};
use crate::server::FastPath;
use crate::server::fast_path::{FastPaths, RequestStart, answer_program, answer_service, known_service};
use crate::server::observe::RequestRecord;
use crate::server::unread_body::UnreadBody;
use crate::server::{error_responses as errors, limits, security_headers};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ResponseHead, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::HeaderValue;
use actix_web::http::{ConnectionType, Method};
use actix_web::{Error, HttpMessage, HttpResponse, web};
use futures_util::future::{Either, LocalBoxFuture};
use std::future::{Ready, ready};
use std::rc::Rc;
use std::task::{Context, Poll};

/// The middleware, for `App::wrap`.
pub(super) struct Pipeline {
    state: web::Data<State>,
    fast_paths: Rc<FastPaths>,
    hsts: Option<HeaderValue>,
}

impl Pipeline {
    pub(super) fn new(state: &web::Data<State>, fast_paths: FastPaths) -> Self {
        let hsts = security_headers::hsts(&state.config.server);
        Self { state: state.clone(), fast_paths: Rc::new(fast_paths), hsts }
    }
}

impl<S, B> Transform<S, ServiceRequest> for Pipeline
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = Piped<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let (state, fast_paths, hsts) = (self.state.clone(), self.fast_paths.clone(), self.hsts.clone());
        ready(Ok(Piped(Rc::new(Shared { state, fast_paths, hsts, service }))))
    }
}

/// The middleware of one worker.
pub(super) struct Piped<S>(Rc<Shared<S>>);

struct Shared<S> {
    state: web::Data<State>,
    fast_paths: Rc<FastPaths>,
    hsts: Option<HeaderValue>,
    service: S,
}

impl<S, B> Service<ServiceRequest> for Piped<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Either<Ready<Result<Self::Response, Error>>, LocalBoxFuture<'static, Result<Self::Response, Error>>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.service.poll_ready(cx)
    }

    fn call(&self, req: ServiceRequest) -> Self::Future {
        let (shared, Shared { state, fast_paths, .. }) = (self.0.clone(), &*self.0);
        let (at, route) = (state.clock.look(), state.routes.of_plain_path(req.path()));
        let fast_path = route.and_then(|route| Some((fast_paths.of(route)?, RequestStart { at, route })));
        match fast_path {
            Some((FastPath::Program(answer), start))
                if let Some(mut response) = answer_program(state, &req, &start, answer) =>
            {
                security_headers::protect_hot(response.headers_mut(), self.0.hsts.as_ref());
                close_while_draining(state, response.head_mut());
                Either::Left(ready(Ok(req.into_response(response))))
            }
            Some((FastPath::Service(answer), start)) if let Some(service) = known_service(state, &req, &start) => {
                Either::Right(Box::pin(async move {
                    let mut req = req;
                    match answer_service(&shared.state, &service, &mut req, &start, answer).await {
                        Some(mut response) => {
                            security_headers::protect_hot(response.headers_mut(), shared.hsts.as_ref());
                            close_while_draining(&shared.state, response.head_mut());
                            Ok(req.into_response(response))
                        }
                        // Boxed, so that the future of a usual answer is small to move.
                        None => Box::pin(pass(&shared, req, at, route)).await,
                    }
                }))
            }
            _ => Either::Right(Box::pin(async move { pass(&shared, req, at, route).await })),
        }
    }
}

async fn pass<S, B>(
    shared: &Shared<S>,
    mut req: ServiceRequest,
    at: Moment,
    route: Option<RouteId>,
) -> Result<ServiceResponse<BoxBody>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let Shared { state, service, hsts, .. } = shared;
    let settings = &state.config.server;
    // A span has assigned the id already.
    let id = req.extensions().get::<RequestId>().copied().unwrap_or_else(RequestId::random);
    let from = client_address(req.request(), settings);
    let context = RequestContext::new(id, from.as_ref().copied().unwrap_or_default(), &req);
    let record = RequestRecord::new(&req, at, route);
    // HEAD is answered as GET is; the connection leaves the body out. Metrics and logs have the client's method.
    if req.method() == Method::HEAD {
        req.head_mut().method = Method::GET;
    }
    let unread = UnreadBody::of(&mut req);
    // After a panic or a time-out no CORS middleware sees the answer.
    let origin = match settings.cors_origins.is_empty() {
        true => None,
        false => DecidingHeader::Origin.read(req.headers()).ok().flatten(),
    };
    let origin = origin.filter(|origin| settings.allows_origin(origin.as_bytes())).cloned();
    let run = async {
        // No clone of the request may stay here: the router needs the only reference.
        let preflight = portal_preflight(state, &req);
        let outcome = match from {
            Ok(_) if let Some(response) = preflight => {
                let outcome = Ok(req.into_response(response));
                record.finish(state, &context, &outcome);
                return outcome;
            }
            Ok(_) => limits::bounded(settings.request_timeout, async { service.call(req).await }).await,
            // No limit, log or rule about addresses could hold for the request.
            Err(error) => Err(error.into()),
        };
        let outcome = errors::render(outcome, state, id, origin);
        record.finish(state, &context, &outcome);
        outcome
    };
    let mut response = context.clone().scope(run).await?;
    response.headers_mut().insert(request_id::X_REQUEST_ID, id.header_value());
    security_headers::protect(response.headers_mut(), hsts.as_ref());
    close_while_draining(state, response.response_mut().head_mut());
    Ok(match unread {
        Some(unread) => {
            let (req, response) = response.into_parts();
            ServiceResponse::new(req, unread.kept_by(response))
        }
        None => response,
    })
}

/// Ends the connection with this answer if the server drains: the client's next request then finds another node.
fn close_while_draining(state: &State, response: &mut ResponseHead) {
    if state.drain.has_begun() {
        response.set_connection_type(ConnectionType::Close);
    }
}

/// Answers a preflight at a route of portal sessions, unless configuration admits the origin and so answers it.
fn portal_preflight(state: &State, req: &ServiceRequest) -> Option<HttpResponse> {
    if *req.method() != Method::OPTIONS {
        return None;
    }
    DecidingHeader::AccessControlRequestMethod.read(req.headers()).ok().flatten()?;
    let origin = DecidingHeader::Origin.read(req.headers()).ok().flatten()?;
    let is_configured = state.config.server.allows_origin(origin.as_bytes());
    (!is_configured && state.routes.has_portal(req.path())).then(|| portal_cors::preflight(origin)).flatten()
}
