//! [`PermissionNames`]: permissions by name, as rows and requests have them.

use super::set::PermissionSet;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// Names of permissions, declared or not. In rows it is a JSON list: names stay the same when the configuration changes,
/// places in a catalogue don't.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
#[serde(transparent)]
pub struct PermissionNames(pub Vec<String>);

impl PermissionNames {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl utoipa::PartialSchema for PermissionNames {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
        ArrayBuilder::new()
            .items(ObjectBuilder::new().schema_type(Type::String).examples(["invoices:read"]))
            .max_items(Some(PermissionSet::CAPACITY))
            .description(Some("Keyward's permissions of a workspace, and those that the configuration declares."))
            .into()
    }
}
impl utoipa::ToSchema for PermissionNames {}

impl ToSql<Text, Pg> for PermissionNames {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(serde_json::to_string(&self.0)?.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<Text, Sqlite> for PermissionNames {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}

impl ToSql<Text, crate::base::sql::MultiBackend> for PermissionNames {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, crate::base::sql::MultiBackend>) -> serialize::Result {
        out.set_value((Text, self));
        Ok(IsNull::No)
    }
}

impl<DB: Backend> FromSql<Text, DB> for PermissionNames
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_str(&String::from_sql(value)?)?))
    }
}
