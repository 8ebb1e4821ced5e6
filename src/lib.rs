//! Keyward: organizations, workspaces, roles, subscriptions and API keys for a multi-tenant SaaS.
//!
//! # The map
//! - [`cli`], [`config`], [`app`]: the command line, the configuration, and the running application made of it.
//! - [`client`]: the command line as a client of a running server.
//! - [`routes`]: the whole URL map; [`openapi`]: the document collected from it; [`docs`]: the page that shows it.
//! - [`http`]: what every request goes through; [`error`]: what a refusal is; [`telemetry`]: what is logged.
//! - [`access`]: callers, roles, permissions and the guards in handlers' signatures.
//! - [`identity`] and [`users`]: who people are. [`organizations`], [`workspaces`], [`members`], [`invitations`],
//!   [`subscriptions`], [`api_keys`], [`programs`]: one folder for each thing a tenant has. [`gateway`]: whether a
//!   key is good, for gateways; [`service_tokens`]: how those prove themselves.
//! - [`audit`]: who changed whose access.
//! - [`billing`]: what the payment provider tells of subscriptions.
//! - [`cluster`]: the cache, and how several nodes keep it right.
//! - [`collections`]: resources that tenants keep, declared by configuration.
//! - [`rate_limit`]: how many requests a key and a workspace may make; [`usage`]: how many there were.
//! - [`leaks`]: keys that scanners find where anybody can read them.
//! - [`mail`]: the queue of mails to people, and the way out.
//! - `hex`: bytes as digits; `buckets`: how often somebody may do a thing; `retention`: the task that takes away what is too old.
//! - [`tls`]: the server's certificate, where no proxy is in front.
//! - [`allocator`]: who hands out memory. [`open_files`]: how many files there may be.
//! - [`db`]: the only room that knows two databases; [`clock`]: the only source of time; [`ids`]: one type for each id.
//!
//! # The way of a request
//! Log span, where one is wanted → request id → limit on time → CORS → limit on headers (`http::stack`, `http::pipeline`,
//! which writes errors and tells of the request on the way back) → who is calling, 401
//! (`http::authentication`) → subscription gate, 403 → rate limit, 429 (`rate_limit`) → guard: role and scope against the
//! permission in the handler's signature, 403 or 404 (`access::guards`) → the handler reads its body → queries that take
//! the guard → response.

pub mod access;
pub mod allocator;
pub mod api_keys;
pub mod app;
pub mod audit;
pub mod billing;
mod buckets;
pub mod cli;
pub mod client;
pub mod clock;
pub mod cluster;
pub mod collections;
pub mod config;
pub mod db;
pub mod docs;
pub mod error;
pub mod gateway;
pub mod health;
mod hex;
pub mod http;
pub mod idempotency;
pub mod identity;
pub mod ids;
pub mod invitations;
pub mod json;
pub mod leaks;
pub mod mail;
pub mod members;
pub mod open_files;
pub mod openapi;
pub mod organizations;
pub mod programs;
pub mod rate_limit;
mod retention;
pub mod routes;
pub mod service_tokens;
pub mod state;
pub mod subscriptions;
pub mod telemetry;
pub mod tls;
pub mod usage;
pub mod users;
pub mod workspaces;
