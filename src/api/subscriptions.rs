//! `GET /organizations/{organizationId}/subscription`: read only.

use crate::api::State;
use crate::api::errors;
use crate::base::error::ApiError;
use crate::base::policy::SubscriptionStatus;
use crate::base::policy::can;
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::subscriptions::{Choice, Subscription};
use actix_web::{get, web};
use serde::Serialize;

/// What the plan allows.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct LimitsView {
    #[schema(example = 600)]
    requests_per_minute: u32,
    #[schema(example = 100)]
    burst: u32,
    /// In each workspace.
    #[schema(example = 10)]
    max_active_keys: u32,
}

/// A subscription.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionView {
    status: SubscriptionStatus,
    #[schema(example = "free")]
    plan: String,
    #[schema(required)]
    trial_ends_at: Option<Timestamp>,
    #[schema(required)]
    current_period_end: Option<Timestamp>,
    limits: LimitsView,
}

/// Read the subscription
///
/// Only a billing event or the operator changes it. Of several subscriptions at Stripe, another one may count once this one
/// has ended.
#[utoipa::path(tag = "Organizations", security(("person" = []), ("serviceToken" = ["subscriptions:read"])), responses(errors::Person, errors::Missing, (status = 200, description = "The subscription.", body = SubscriptionView)))]
#[get("/organizations/{organizationId}/subscription")]
pub async fn read_subscription(
    state: web::Data<State>,
    access: OrganizationAccess<can::OrganizationRead>,
) -> Result<web::Json<SubscriptionView>, ApiError> {
    let id = access.organization_id();
    let subscription = state.scoped_to(&access).read(move |conn| Subscription::of(conn, id)).await?;
    let now = state.clock.now();
    let Choice { plan: name, term } = subscription.at(now);
    let plan = state.config.plan(&name);
    Ok(web::Json(SubscriptionView {
        status: term.at(now).status,
        plan: name,
        trial_ends_at: term.trial_ends_at,
        current_period_end: term.current_period_end,
        limits: LimitsView {
            requests_per_minute: plan.requests_per_minute,
            burst: plan.burst,
            max_active_keys: plan.max_active_keys,
        },
    }))
}
