//! [`JsonObject`]: a JSON object in rows and on the wire.

use super::MultiBackend;
use super::sql_types::Jsonb;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A JSON object. Numbers are integers of 64 bits, signed or unsigned, or IEEE doubles. Both databases give them back
/// as they were ([`JsonNumber`](crate::base::json_number::JsonNumber)). The order of its members does not matter
/// ([RFC 7493](https://www.rfc-editor.org/rfc/rfc7493)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Jsonb)]
#[serde(transparent)]
pub struct JsonObject(pub Map<String, Value>);

impl ToSql<Jsonb, Pg> for JsonObject {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let value = Value::Object(self.0.clone());
        ToSql::<diesel::sql_types::Jsonb, Pg>::to_sql(&value, &mut out.reborrow())
    }
}

impl FromSql<Jsonb, Pg> for JsonObject {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        object(FromSql::<diesel::sql_types::Jsonb, Pg>::from_sql(value)?)
    }
}

impl ToSql<Jsonb, Sqlite> for JsonObject {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}

impl FromSql<Jsonb, Sqlite> for JsonObject {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        object(serde_json::from_str(&text)?)
    }
}

impl diesel::sql_types::HasSqlType<Jsonb> for MultiBackend {
    fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
        Self::lookup_sql_type::<Jsonb>(lookup)
    }
}

impl ToSql<Jsonb, MultiBackend> for JsonObject {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((Jsonb, self));
        Ok(IsNull::No)
    }
}

impl FromSql<Jsonb, MultiBackend> for JsonObject {
    fn from_sql(value: super::connection::MultiRawValue<'_>) -> deserialize::Result<Self> {
        value.from_sql::<Self, Jsonb>()
    }
}

fn object(value: Value) -> deserialize::Result<JsonObject> {
    match value {
        Value::Object(object) => Ok(JsonObject(object)),
        _ => Err("the column should hold an object".into()),
    }
}
