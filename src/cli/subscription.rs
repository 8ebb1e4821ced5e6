//! `keyward subscription`

use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::ids::OrganizationId;
use crate::base::policy::SubscriptionStatus;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::domain::changes::ScopedStore;
use crate::domain::subscriptions::{Choice, Subscription, SubscriptionChange};
use crate::infra::db::ScopedDb;
use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum SubscriptionCommand {
    /// Change a subscription. What is left out stays.
    Set {
        /// The organization, such as org_01k4w5c9q2e0vb7m3t8z6r1xhd.
        organization_id: OrganizationId,
        /// trialing, active, canceled, expired or past_due.
        #[arg(long)]
        status: Option<SubscriptionStatus>,
        /// The name of a configured plan.
        #[arg(long)]
        plan: Option<String>,
        /// When the trial ends (RFC 3339).
        #[arg(long, value_name = "TIME")]
        trial_ends_at: Option<Timestamp>,
        /// Until when it is paid (RFC 3339).
        #[arg(long, value_name = "TIME")]
        period_ends_at: Option<Timestamp>,
    },
}

pub fn run(config: &Config, db: &ScopedDb, command: &SubscriptionCommand) -> Result<(), String> {
    let SubscriptionCommand::Set { organization_id, status, plan, trial_ends_at, period_ends_at } = command;
    if let Some(plan) = plan
        && !config.plans.contains_key(plan)
    {
        let known: Vec<&str> = config.plans.keys().map(String::as_str).collect();
        return Err(format!("--plan: {plan:?} is not one of the configured plans: {}", known.join(", ")));
    }
    let clock = Clock::system();
    let now = clock.now();
    let change = SubscriptionChange {
        status: *status,
        plan: plan.clone(),
        trial_ends_at: trial_ends_at.map(Some),
        current_period_end: period_ends_at.map(Some),
        grace_ends_at: status.map(|status| config.billing.grace_of(status, now)),
        // The operator's word stands until Stripe sends a change.
        later: Vec::new(),
        updated_at: now,
    };
    let changed =
        ScopedStore::for_command(config, db.clone(), &clock)?.change_access_blocking(|conn, access_change| {
            Subscription::change(conn, access_change, *organization_id, &change)
        });
    let subscription = changed.map_err(|error: ApiError| match error.code {
        Code::NotFound => format!("there is no organization {organization_id}"),
        _ => error.to_string(),
    })?;
    let Choice { plan, term } = subscription.at(now);
    let counts = term.at(now).status;
    println!("{organization_id} is {counts}, plan {plan}");
    if counts != term.status {
        println!("(set to {}, but its trial or period has ended: set a later end to let programs in)", term.status);
    }
    Ok(())
}
