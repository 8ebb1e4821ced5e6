//! [`Verifications`]: verifications of credentials by kind and exact code, whatever code a preset shows to callers.

use super::sharded::Sharded;
use crate::base::config::SERVICE_TOKEN_PREFIX;
use crate::base::error::Code;
use crate::infra::http::DecidingHeader;
use crate::infra::request::CallerId;
use actix_web::http::header::HeaderMap;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The kind of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    ApiKey,
    IdToken,
    /// The token of a gateway or another service.
    ServiceToken,
    /// That of a browser, made by a service.
    PortalSession,
    /// No readable credential.
    None,
}

impl CredentialKind {
    const NAMES: [&str; 5] = ["api_key", "id_token", "service_token", "portal_session", "none"];
}

/// The result of one verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    pub kind: CredentialKind,
    /// The code of the error; `None` after a success.
    pub refusal: Option<Code>,
}

impl Verification {
    /// Returns the result for a verified caller.
    pub fn succeeded(caller: CallerId) -> Self {
        let kind = match caller {
            CallerId::ApiKey(_) => CredentialKind::ApiKey,
            CallerId::User(_) => CredentialKind::IdToken,
            CallerId::Service(_) => CredentialKind::ServiceToken,
            CallerId::PortalSession(..) => CredentialKind::PortalSession,
        };
        Self { kind, refusal: None }
    }

    /// Returns the result for a request that was refused with this code; `None` if the code is not about its
    /// credential.
    pub fn refused(code: Code, headers: &HeaderMap) -> Option<Self> {
        let kind = match code {
            Code::MissingCredentials | Code::InvalidAuthorizationFormat => CredentialKind::None,
            Code::InvalidIdToken | Code::IdTokenExpired => CredentialKind::IdToken,
            Code::InvalidPortalSession | Code::PortalSessionExpired => CredentialKind::PortalSession,
            // Refused service tokens get the codes of keys.
            Code::InvalidApiKey | Code::ApiKeyRevoked | Code::ApiKeyExpired if has_service_token(headers) => {
                CredentialKind::ServiceToken
            }
            Code::InvalidApiKey
            | Code::ApiKeyRevoked
            | Code::ApiKeyDisabled
            | Code::ApiKeyExpired
            | Code::ApiKeyOrphaned
            | Code::IpNotAllowed
            | Code::SubscriptionInactive
            | Code::WorkspaceMismatch => CredentialKind::ApiKey,
            _ => return None,
        };
        Some(Self { kind, refusal: Some(code) })
    }
}

fn has_service_token(headers: &HeaderMap) -> bool {
    let value = DecidingHeader::Authorization.read(headers).ok().flatten().and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.split_once(' '))
        .is_some_and(|(_, token)| token.trim_start_matches(' ').starts_with(SERVICE_TOKEN_PREFIX))
}

/// By kind, then by outcome: first success, then each code in its order.
#[derive(Debug, Default)]
struct Counts([[AtomicU64; Code::ALL.len() + 1]; CredentialKind::NAMES.len()]);

impl Counts {
    fn get(&self, kind: usize, outcome: usize) -> Option<&AtomicU64> {
        self.0.get(kind).and_then(|outcomes| outcomes.get(outcome))
    }
}

/// The verifications of one application.
#[derive(Debug)]
pub struct Verifications(Sharded<Counts>);

impl Verifications {
    pub(super) fn new(workers: usize) -> Self {
        Self(Sharded::new(workers, Counts::default))
    }

    /// Counts one verification. Cost: one relaxed addition to this thread's own memory.
    pub fn count(&self, verification: Verification) {
        let outcome = verification.refusal.map_or(0, |code| code as usize + 1);
        if let Some(count) = self.0.mine().and_then(|counts| counts.get(verification.kind as usize, outcome)) {
            count.fetch_add(1, Relaxed);
        }
    }
}

impl Collector for Verifications {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Verifications of credentials by kind and exact code";
        let mut family = encoder.encode_descriptor("verifications", help, None, MetricType::Counter)?;
        let codes = || [(0, "ok")].into_iter().chain(Code::ALL.iter().map(|code| (*code as usize + 1, code.as_str())));
        for (kind, name) in CredentialKind::NAMES.into_iter().enumerate() {
            for (outcome, code) in codes() {
                let count = self.0.sum(|counts| counts.get(kind, outcome).map_or(0, |count| count.load(Relaxed)));
                if count > 0 {
                    let labels = [("credential", name), ("code", code)];
                    family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_in_their_order() {
        assert!(Code::ALL.iter().enumerate().all(|(place, code)| *code as usize == place));
        let kinds = [
            CredentialKind::ApiKey,
            CredentialKind::IdToken,
            CredentialKind::ServiceToken,
            CredentialKind::PortalSession,
            CredentialKind::None,
        ];
        let names = CredentialKind::NAMES;
        assert_eq!(kinds.map(|kind| names[kind as usize]), names);
    }
}
