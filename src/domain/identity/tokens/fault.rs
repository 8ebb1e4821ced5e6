//! [`TokenFault`]: the rule that a token breaks, for the log.

use crate::base::error::{ApiError, Code};
use std::borrow::Cow;

/// Why a token is refused. The caller gets the code alone; the log gets the rule, without any value of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenFault {
    pub(crate) code: Code,
    /// Begins with the name of the claim or of the header's parameter: `aud: …`.
    pub(crate) rule: Cow<'static, str>,
}

impl TokenFault {
    /// `invalid_id_token`
    pub(crate) fn new(rule: impl Into<Cow<'static, str>>) -> Self {
        Self { code: Code::InvalidIdToken, rule: rule.into() }
    }

    /// `id_token_expired`
    pub(super) fn expired() -> Self {
        Self { code: Code::IdTokenExpired, rule: "exp: the token has expired".into() }
    }
}

impl From<TokenFault> for ApiError {
    fn from(fault: TokenFault) -> Self {
        Self::new(fault.code).because(fault.rule)
    }
}
