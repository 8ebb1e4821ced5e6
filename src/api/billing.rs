//! `POST /billing/stripe/webhook`. Stripe authenticates by its signature over the body.

use crate::api::State;
use crate::api::errors;
use crate::base::config::StripeSettings;
use crate::base::error::ApiError;
use crate::domain::access::CallerProof;
use crate::domain::billing::WebhookOutcome;
use crate::domain::billing::events::{News, StripeEvent};
use crate::domain::billing::model;
use crate::domain::billing::signature;
use crate::infra::http::{Body, DecidingHeader};
use actix_web::{HttpRequest, post, web};
use serde::Serialize;

/// What became of an event.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Received {
    outcome: WebhookOutcome,
}

/// Take in an event of Stripe's
///
/// Only with a good `Stripe-Signature`. Taken in once by its id, in any order; an event of a type that does not matter here,
/// a thin event, and one of another API version in an unknown shape are answered alike.
#[utoipa::path(
    tag = "Billing",
    security(()),
    request_body(content = StripeEvent),
    responses(errors::Public, errors::TooLarge, errors::Invalid, (status = 200, description = "What became of it.", body = Received)),
)]
#[post("/webhook")]
pub async fn stripe_webhook(
    state: web::Data<State>,
    req: HttpRequest,
    body: Body<StripeEvent>,
) -> Result<web::Json<Received>, ApiError> {
    let header = DecidingHeader::StripeSignature.read(req.headers())?.and_then(|value| value.to_str().ok());
    let settings = state.config.billing.stripe.as_ref().ok_or_else(ApiError::not_found)?;
    let (event, proof) = match read(&state, settings, header, body).await {
        Ok(event) => event,
        Err(error) => {
            state.webhooks.count_refused();
            return Err(error);
        }
    };
    let outcome = match event {
        None => WebhookOutcome::Thin,
        Some(event) => match event.news() {
            Ok(None) => WebhookOutcome::Ignored,
            Ok(Some(news)) => apply_event(&state, event.id, news, proof).await?,
            Err(error) => match event.misunderstood(&error) {
                Some(misunderstood) => {
                    state.webhooks.count_misunderstood(&misunderstood);
                    return Ok(web::Json(Received { outcome: WebhookOutcome::NotUnderstood }));
                }
                None => {
                    state.webhooks.count_refused();
                    return Err(error);
                }
            },
        },
    };
    state.webhooks.count(outcome);
    Ok(web::Json(Received { outcome }))
}

async fn read(
    state: &State,
    settings: &StripeSettings,
    header: Option<&str>,
    body: Body<StripeEvent>,
) -> Result<(Option<StripeEvent>, CallerProof), ApiError> {
    let bytes = body.bytes().await?;
    let proof = signature::verify(header, &bytes, &settings.webhook_secrets, state.clock.now())?;
    Ok((StripeEvent::read(&bytes)?, proof))
}

async fn apply_event(
    state: &web::Data<State>,
    id: String,
    news: News,
    proof: CallerProof,
) -> Result<WebhookOutcome, ApiError> {
    let now = state.clock.now();
    let shared = state.clone();
    let body = move |conn: &mut _, access_change: &mut _| {
        model::apply_event(conn, access_change, &shared.config, &id, news, now)
    };
    let outcome = state.for_caller(proof.clone()).change_access(body).await?;
    if state.webhooks.is_pruning_due(now)
        && let Err(error) = state.for_caller(proof).write(move |conn| model::prune(conn, now)).await
    {
        // The event is committed, and pruning is tried again in an hour.
        tracing::warn!(%error, "old ids of events can't be taken away");
    }
    Ok(outcome)
}
