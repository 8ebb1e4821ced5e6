//! `identity.issuers`: other issuers whose ID tokens are accepted.

use super::admission::{AdmissionSettings, RequiredClaims};
use crate::base::network::is_loopback_http;
use jsonwebtoken::Algorithm;
use jsonwebtoken::AlgorithmFamily;
use serde::{Deserialize, Serialize};

/// One of `identity.issuers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum IssuerSettings {
    /// A Firebase project at Google.
    FirebaseProject {
        /// The project's id: the audience, and the end of the issuer's name.
        project: String,
        /// The URL of its keys; Google's by default.
        jwks_url: Option<String>,
        admission: AdmissionSettings,
    },
    /// Any OpenID Connect issuer.
    Oidc(OidcSettings),
}

/// An OpenID Connect issuer.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// The `iss` of its tokens, compared exactly.
    pub issuer: String,
    /// The value that the tokens' `aud` must equal or contain. `None`: tokens have no `aud`, and `authorized_parties`
    /// decide.
    pub audience: Option<String>,
    /// The accepted values of the tokens' `azp`; empty: any.
    pub authorized_parties: Vec<String>,
    /// The URL of its keys; `None`: found by discovery.
    pub jwks_url: Option<String>,
    /// The accepted signature algorithms; never one with a shared secret.
    pub algorithms: Vec<Algorithm>,
    /// The claim that holds the e-mail address.
    pub email_claim: String,
    /// The claim that says whether the address is verified.
    pub email_verified_claim: String,
    /// The claim that holds the name.
    pub name_claim: String,
    pub trust_email: TrustEmail,
    pub admission: AdmissionSettings,
}

/// When the address in a token counts as the user's own, and so accepts invitations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustEmail {
    /// Never: for an issuer whose users may claim any address.
    Never,
    /// When the token says that it is verified.
    #[default]
    Verified,
    /// Always: for an issuer that verifies every address and does not say so.
    Always,
}

/// The form in configuration: a Firebase project has `firebase_project`, any other issuer has `issuer`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    firebase_project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorized_parties: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithms: Option<Vec<Algorithm>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_claim: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified_claim: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_claim: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_email: Option<TrustEmail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_anonymous: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required_claims: Option<RequiredClaims>,
}

impl Written {
    fn admission(&self) -> AdmissionSettings {
        AdmissionSettings {
            allow_anonymous: self.allow_anonymous.unwrap_or_default(),
            required_claims: self.required_claims.clone().unwrap_or_default(),
        }
    }

    fn with_admission(self, settings: AdmissionSettings) -> Self {
        let AdmissionSettings { allow_anonymous, required_claims } = settings;
        Self {
            allow_anonymous: Some(allow_anonymous),
            required_claims: Some(required_claims).filter(|claims| !claims.is_empty()),
            ..self
        }
    }
}

impl TryFrom<Written> for IssuerSettings {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { firebase_project, issuer, jwks_url, .. } = &written;
        let admission = written.admission();
        match (firebase_project, issuer) {
            (Some(project), None) => {
                let only = Written {
                    firebase_project: firebase_project.clone(),
                    jwks_url: jwks_url.clone(),
                    allow_anonymous: written.allow_anonymous,
                    required_claims: written.required_claims.clone(),
                    ..Written::default()
                };
                if format!("{only:?}") != format!("{written:?}") {
                    return Err(
                        "beside firebase_project there can only be jwks_url, allow_anonymous and required_claims"
                            .into(),
                    );
                }
                Ok(Self::FirebaseProject { project: project.clone(), jwks_url: jwks_url.clone(), admission })
            }
            (None, Some(issuer)) => Ok(Self::Oidc(OidcSettings {
                issuer: issuer.clone(),
                audience: written.audience,
                authorized_parties: written.authorized_parties.unwrap_or_default(),
                jwks_url: written.jwks_url,
                algorithms: written.algorithms.unwrap_or_else(|| vec![Algorithm::RS256]),
                email_claim: written.email_claim.unwrap_or_else(|| "email".into()),
                email_verified_claim: written.email_verified_claim.unwrap_or_else(|| "email_verified".into()),
                name_claim: written.name_claim.unwrap_or_else(|| "name".into()),
                trust_email: written.trust_email.unwrap_or_default(),
                admission,
            })),
            _ => Err("must have either firebase_project or issuer".into()),
        }
    }
}

impl From<IssuerSettings> for Written {
    fn from(settings: IssuerSettings) -> Self {
        match settings {
            IssuerSettings::FirebaseProject { project, jwks_url, admission } => {
                Self { firebase_project: Some(project), jwks_url, ..Self::default() }.with_admission(admission)
            }
            IssuerSettings::Oidc(oidc) => Self {
                issuer: Some(oidc.issuer),
                audience: oidc.audience,
                authorized_parties: Some(oidc.authorized_parties),
                jwks_url: oidc.jwks_url,
                algorithms: Some(oidc.algorithms),
                email_claim: Some(oidc.email_claim),
                email_verified_claim: Some(oidc.email_verified_claim),
                name_claim: Some(oidc.name_claim),
                trust_email: Some(oidc.trust_email),
                ..Self::default()
            }
            .with_admission(oidc.admission),
        }
    }
}

impl IssuerSettings {
    /// Returns the `iss` of its tokens.
    pub fn name(&self) -> String {
        match self {
            Self::FirebaseProject { project, .. } => format!("https://securetoken.google.com/{project}"),
            Self::Oidc(oidc) => oidc.issuer.clone(),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let jwks_url = match self {
            Self::FirebaseProject { jwks_url, .. } => jwks_url,
            Self::Oidc(oidc) => {
                oidc.check().map_err(|reason| format!("identity.issuers: {}: {reason}", oidc.issuer))?;
                &oidc.jwks_url
            }
        };
        match jwks_url {
            Some(url) if !is_trustworthy(url) => {
                Err(format!("identity.issuers: jwks_url {url:?} must start with https://"))
            }
            _ => Ok(()),
        }
    }
}

impl OidcSettings {
    fn check(&self) -> Result<(), String> {
        if !is_trustworthy(&self.issuer) || self.issuer.contains(['?', '#']) {
            return Err("issuer must be a URL that starts with https://, without ? and #".into());
        }
        if self.audience.as_ref().is_some_and(String::is_empty) || self.authorized_parties.iter().any(String::is_empty)
        {
            return Err("audience and authorized_parties must not be empty texts; leave them out".into());
        }
        if self.audience.is_none() && self.authorized_parties.is_empty() {
            return Err("must have audience, or authorized_parties for tokens without one; else the tokens of \
                 every application of the issuer were good here"
                .into());
        }
        if self.algorithms.is_empty() {
            return Err("algorithms must name at least one".into());
        }
        if let Some(secret) = self.algorithms.iter().find(|algorithm| algorithm.family() == AlgorithmFamily::Hmac) {
            return Err(format!(
                "algorithms: {secret:?} needs a shared secret, with which anyone who verifies can sign"
            ));
        }
        Ok(())
    }
}

/// Accepts plain HTTP only from this machine: an attacker could replace keys that cross the network.
fn is_trustworthy(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) || is_loopback_http(url)
}
