//! The IP addresses from which a key may be used.

use crate::base::network::AddressBlock;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The maximum number of CIDR blocks of a key.
const MAX_BLOCKS: usize = 50;

/// CIDR blocks; an empty list allows every address. Stored as text, separated by spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct AllowedIps(String);

impl AllowedIps {
    /// Returns the list of these blocks.
    pub fn of(blocks: &[AddressBlock]) -> Self {
        Self(blocks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    pub fn blocks(&self) -> impl Iterator<Item = AddressBlock> {
        // The text was written from blocks, so each part is one.
        self.0.split_ascii_whitespace().filter_map(|block| block.parse().ok())
    }
}

impl Serialize for AllowedIps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.blocks())
    }
}

impl<'de> Deserialize<'de> for AllowedIps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let blocks = Vec::<AddressBlock>::deserialize(deserializer)?;
        if blocks.len() > MAX_BLOCKS {
            return Err(serde::de::Error::custom(format!("must name at most {MAX_BLOCKS} blocks")));
        }
        Ok(Self::of(&blocks))
    }
}

impl utoipa::PartialSchema for AllowedIps {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
        ArrayBuilder::new()
            .items(ObjectBuilder::new().schema_type(Type::String).examples(["203.0.113.0/24"]))
            .max_items(Some(MAX_BLOCKS))
            .description(Some("CIDR blocks from which the key may be used; none means from anywhere."))
            .into()
    }
}
impl utoipa::ToSchema for AllowedIps {}

impl<DB: Backend> ToSql<Text, DB> for AllowedIps
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.as_str().to_sql(out)
    }
}

impl<DB: Backend> FromSql<Text, DB> for AllowedIps
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let text = String::from_sql(value)?;
        // An older version stored blocks in other forms. One that can't be read is an error: without it, the list might
        // be empty, and allow every address.
        let blocks: Vec<AddressBlock> = text.split_ascii_whitespace().map(str::parse).collect::<Result<_, String>>()?;
        Ok(Self::of(&blocks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_to_their_network_and_nonsense_is_refused() {
        let ips: AllowedIps = serde_json::from_str(r#"["::ffff:203.0.113.9/120", "2001:db8::1"]"#).unwrap();
        assert_eq!(serde_json::to_string(&ips).unwrap(), r#"["203.0.113.0/24","2001:db8::1/128"]"#);
        assert_eq!(
            ips.blocks().map(|block| block.to_string()).collect::<Vec<_>>(),
            ["203.0.113.0/24", "2001:db8::1/128"]
        );
        assert_eq!(AllowedIps::default().blocks().count(), 0);
        assert!(serde_json::from_str::<AllowedIps>(r#"["everywhere"]"#).is_err());
    }
}
