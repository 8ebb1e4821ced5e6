//! [`RequestRecord`]: counts a request when it ends, and writes its log line.
//!
//! It keeps the request's data, because a panic or a time-out leaves no request.

use super::log_line::{Line, write};
use crate::api::State;
use crate::base::error::ApiError;
use crate::base::time::Moment;
use crate::infra::http::RouteId;
use crate::infra::request::RequestContext;
use crate::infra::request::X_REQUEST_ID;
use crate::infra::telemetry::metrics::Verification;
use crate::infra::telemetry::traces;
use crate::server::error_responses::Unrouted;
use actix_web::Error;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, Uri};

/// The data of a request that its end needs.
pub(crate) struct RequestRecord {
    at: Moment,
    pub(super) method: Method,
    place: RequestRoute,
    inbound_request_id: Option<HeaderValue>,
}

/// The route of a request.
enum RequestRoute {
    /// A path without parameters, whose route is known at once.
    Route(RouteId),
    /// Any other path, whose route actix finds.
    Uri(Uri),
}

impl RequestRecord {
    /// Records a request that start at `at`; `route` is set if its path has no parameters. Cost: one map lookup; no
    /// allocation.
    pub(crate) fn new(req: &ServiceRequest, at: Moment, route: Option<RouteId>) -> Self {
        Self {
            at,
            method: req.method().clone(),
            place: route.map_or_else(|| RequestRoute::Uri(req.uri().clone()), RequestRoute::Route),
            inbound_request_id: req.headers().get(X_REQUEST_ID).cloned(),
        }
    }

    /// Counts the ended request, writes its log line and completes its span.
    pub(crate) fn finish<B>(
        &self,
        state: &State,
        context: &RequestContext,
        outcome: &Result<ServiceResponse<B>, Error>,
    ) {
        let (status, error, route) = match outcome {
            Ok(response) => {
                let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
                let route = self.route(|_| state.routes.of_request(response.request()));
                (response.status().as_u16(), error, route)
            }
            Err(error) => {
                let unrouted = error.as_error::<Unrouted>().map(|unrouted| &unrouted.error);
                let route = self.route(|uri| state.routes.of_path(uri.path()));
                (error.as_response_error().status_code().as_u16(), unrouted, route)
            }
        };
        count(state, context, outcome, error);
        state.metrics.requests.observe(route, &self.method, status, self.at.elapsed());
        let line = Line { context, record: self, route: state.routes.template(route), status, error };
        write(&line);
        if traces::are_on() {
            super::traces::end(&line);
        }
    }

    fn route(&self, find: impl FnOnce(&Uri) -> RouteId) -> RouteId {
        match &self.place {
            RequestRoute::Route(route) => *route,
            RequestRoute::Uri(uri) => find(uri),
        }
    }

    /// Returns the inbound request id, cut to 64 visible ASCII characters: the only text of the caller's choice on a
    /// log line.
    pub(super) fn inbound_request_id(&self) -> Option<String> {
        let inbound = self.inbound_request_id.as_ref()?.to_str().ok()?;
        Some(inbound.chars().filter(char::is_ascii_graphic).take(64).collect())
    }
}

/// Counts the outcome of verifying the caller's credential.
fn count<B>(
    state: &State,
    context: &RequestContext,
    outcome: &Result<ServiceResponse<B>, Error>,
    error: Option<&ApiError>,
) {
    let Ok(response) = outcome else { return };
    let refused = error.and_then(|error| Verification::refused(error.code, response.request().headers()));
    let verification = refused.or_else(|| context.admitted().map(Verification::succeeded));
    if let Some(verification) = verification {
        state.metrics.verifications.count(verification);
    }
}
