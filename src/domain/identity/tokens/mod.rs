//! ID tokens of all issuers: whose is it, and is it good.

mod issuer;
pub(crate) mod jwk;
mod oidc;
pub(crate) mod token;

pub(crate) use issuer::Issuer;
pub(crate) use token::{Claims, Expected, ID_TOKEN_SECONDS};
