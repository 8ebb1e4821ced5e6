//! [`LaterChoices`]: which of an organization's subscriptions counts once time has ended the one that counts now.

use super::Term;
use crate::base::time::Timestamp;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

/// A subscription that counts from a moment on, without an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaterChoice {
    pub from: Timestamp,
    pub plan: String,
    #[serde(flatten)]
    pub term: Term,
}

/// The later choices of a row, in the order of their time. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct LaterChoices {
    stored: Stored,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    /// The `updated_at` of the row. A node of an earlier release changes the row without them, and then they are void.
    of: Timestamp,
    choices: Vec<LaterChoice>,
}

impl LaterChoices {
    /// Those of a row that is updated at `of`; `None` without any.
    pub(super) fn new(choices: Vec<LaterChoice>, of: Timestamp) -> Option<Self> {
        if choices.is_empty() {
            return None;
        }
        let stored = Stored { of, choices };
        // Text, numbers and times always have JSON.
        let text = serde_json::to_string(&stored).ok()?;
        Some(Self { stored, text })
    }

    /// Returns the choices of a row that was updated at `updated_at`.
    pub(super) fn of(&self, updated_at: Timestamp) -> &[LaterChoice] {
        if self.stored.of == updated_at { &self.stored.choices } else { &[] }
    }
}

impl<DB: Backend> ToSql<Text, DB> for LaterChoices
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.text.as_str().to_sql(out)
    }
}

impl<DB: Backend> FromSql<Text, DB> for LaterChoices
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let text = String::from_sql(value)?;
        Ok(Self { stored: serde_json::from_str(&text)?, text })
    }
}
