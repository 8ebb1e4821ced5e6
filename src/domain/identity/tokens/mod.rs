//! ID tokens: their issuers and their verification.

mod admission;
pub(crate) mod fault;
pub(crate) mod header;
mod issuer;
pub(crate) mod jwk;
mod oidc;
pub(crate) mod token;

pub(crate) use issuer::Issuer;
pub(crate) use token::{Claims, Expected, ID_TOKEN_SECONDS};
