//! [`Reason`]: why a key is stopped.

use crate::base::sql::text_enum;
use crate::base::text::{is_unprintable, trim_pasted};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use std::str::FromStr;

/// The most characters of a comment.
const COMMENT_LIMIT: usize = 500;

text_enum! {
    /// Why a key is stopped.
    ReasonKind {
        /// Others may know its value.
        Leaked = "leaked",
        /// No program needs it.
        Unused = "unused",
        /// Another key replaces it.
        Rotated = "rotated",
        /// Its person or its program leaves.
        Offboarding = "offboarding",
        /// The comment says why.
        Other = "other",
    }
}

/// A comment on a reason: 1 to 500 characters, no control characters, no blank at its ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comment(String);

impl FromStr for Comment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = trim_pasted(text);
        let length = text.chars().count();
        if length == 0 || length > COMMENT_LIMIT {
            return Err(format!("must be 1 to {COMMENT_LIMIT} characters long; it is {length}"));
        }
        if text.chars().any(is_unprintable) {
            return Err("must not contain control characters".into());
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Comment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Comment {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(COMMENT_LIMIT))
            .description(Some("1 to 500 characters, without control characters."))
            .examples(["Seen in a screenshot"])
            .into()
    }
}
impl utoipa::ToSchema for Comment {}

/// Why a key is stopped, as far as the caller says.
#[derive(Clone, Debug, Default)]
pub struct Reason {
    pub kind: Option<ReasonKind>,
    pub comment: Option<Comment>,
}

impl Reason {
    /// A reason without a comment.
    pub fn of(kind: ReasonKind) -> Self {
        Self { kind: Some(kind), comment: None }
    }

    /// Returns what is given, for the audit trail; `None` if nothing is.
    pub(in crate::domain::api_keys) fn facts(&self) -> Option<Value> {
        let Self { kind, comment } = self;
        let facts = json!({ "reason": kind, "comment": comment });
        (kind.is_some() || comment.is_some()).then_some(facts)
    }

    /// Returns the columns of a key that had others: what is given replaces both of them.
    pub(in crate::domain::api_keys) fn over(
        &self,
        kind: Option<ReasonKind>,
        comment: Option<String>,
    ) -> (Option<ReasonKind>, Option<String>) {
        if self.kind.is_none() && self.comment.is_none() {
            return (kind, comment);
        }
        (self.kind, self.comment.clone().map(|Comment(text)| text))
    }
}
