//! Keyward: organizations, workspaces, roles, subscriptions and API keys for a multi-tenant SaaS.
//!
//! # The floors
//! A floor is a folder, a room is a file or folder on it. A room uses its own floor and those below, and no two rooms use
//! each other in a circle: `tests/suite/architecture` holds both.
//! - [`cli`]: the operator's commands. [`client`]: the command line as a client of a running server, which uses `base` only.
//! - [`server`]: the running program: application, routes, pipeline, OpenAPI document, logs and metrics of requests.
//! - [`api`]: endpoints: each reads a request, calls the domain and writes an answer.
//! - [`domain`]: rules and rows of the product; knows no route and no request.
//! - [`infra`]: tools that serve any feature: database, cluster, HTTP, telemetry, rate limits, mail.
//! - [`base`]: words and values: time, ids, errors, policy, configuration, SQL types.
//!
//! `ARCHITECTURE.md` follows a request with a key, a sign-in and a revocation through the floors.

pub mod api;
pub mod base;
pub mod cli;
pub mod client;
pub mod domain;
pub mod infra;
pub mod server;
