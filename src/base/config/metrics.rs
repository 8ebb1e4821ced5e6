//! `[metrics]`

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::net::SocketAddr;

/// `[metrics]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// The address of `/metrics`, apart from the API; port 0 takes a free port. An empty text disables it.
    #[serde(serialize_with = "serialize", deserialize_with = "deserialize")]
    pub listen: Option<SocketAddr>,
}

fn serialize<S: Serializer>(listen: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
    match listen {
        Some(address) => serializer.collect_str(address),
        None => serializer.serialize_str(""),
    }
}

fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.parse().map_err(|_| D::Error::custom(format!("{text:?} must be a socket address or empty")));
    address.map(Some)
}
