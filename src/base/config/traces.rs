//! `[traces]`: the collector of spans, and the share of requests that are traced.

use super::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[traces]`: OpenTelemetry, by OTLP over HTTP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesSettings {
    /// The collector, as `http://HOST:4318`; `/v1/traces` is appended, as to `OTEL_EXPORTER_OTLP_ENDPOINT`. `None`: no
    /// traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// The share of requests that are traced, from 0 to 1, unless the caller's `traceparent` decides.
    pub sample_ratio: f64,
    /// The resource's `service.name`.
    pub service_name: String,
    /// Headers of each export, by name, such as a vendor's key.
    #[serde(default, skip_serializing_if = "Secret::is_empty")]
    pub headers: Secret<BTreeMap<String, SecretString>>,
}

/// The path of an OTLP collector that accepts traces.
const PATH: &str = "/v1/traces";

impl TracesSettings {
    /// Returns the URL that spans are sent to, if there is a collector.
    pub fn url(&self) -> Option<String> {
        self.otlp_endpoint.as_ref().map(|endpoint| format!("{}{PATH}", endpoint.trim_end_matches('/')))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(endpoint) = &self.otlp_endpoint {
            check_endpoint(endpoint).map_err(|reason| format!("traces.otlp_endpoint: {reason}"))?;
        }
        for (name, value) in self.headers.iter() {
            if reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_err() {
                // Without the name: it may be a value in the wrong place.
                return Err("traces.headers: a name of a header has letters, digits and - only".into());
            }
            if reqwest::header::HeaderValue::from_str(value.expose_secret()).is_err() {
                return Err(format!("traces.headers.{name}: is no value of a header"));
            }
        }
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(format!("traces.sample_ratio: {} must be 0 to 1", self.sample_ratio));
        }
        if self.service_name.trim().is_empty() {
            return Err("traces.service_name: must not be empty".into());
        }
        Ok(())
    }
}

/// Checks the endpoint. The error quotes the endpoint only if it holds no password.
fn check_endpoint(endpoint: &str) -> Result<(), String> {
    let form = "must look like http://HOST:4318 or https://HOST";
    let Ok(url) = reqwest::Url::parse(endpoint) else { return Err(form.into()) };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a password in it; traces.headers takes credentials".into());
    }
    if !["http", "https"].contains(&url.scheme()) || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{endpoint:?} {form}, and have no ? or #"));
    }
    if url.path().trim_end_matches('/').ends_with(PATH) {
        return Err(format!("{endpoint:?} must be without {PATH}, which is put behind it"));
    }
    Ok(())
}
