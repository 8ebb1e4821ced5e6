//! Infrastructure that any feature may use. It depends on none of them.

pub mod cluster;
pub mod db;
pub mod http;
pub mod mail;
pub mod periodic;
pub mod process;
pub mod rate_limit;
pub mod remote_keys;
pub mod request;
pub mod telemetry;
pub mod throttle;
pub mod tls;
