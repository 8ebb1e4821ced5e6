//! The IP addresses from which a key may be used.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::net::IpAddr;

/// The maximum number of CIDR blocks of a key.
const MAX_BLOCKS: usize = 50;

/// CIDR blocks; an empty list allows every address. Stored as text, separated by spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct AllowedIps(String);

impl AllowedIps {
    /// Returns the list of these blocks.
    pub fn of(blocks: &[IpNet]) -> Self {
        Self(blocks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    pub fn blocks(&self) -> impl Iterator<Item = IpNet> {
        self.0.split(' ').filter_map(|block| block.parse().ok())
    }
}

impl Serialize for AllowedIps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.blocks().map(|block| block.to_string()))
    }
}

impl<'de> Deserialize<'de> for AllowedIps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        if texts.len() > MAX_BLOCKS {
            return Err(serde::de::Error::custom(format!("must name at most {MAX_BLOCKS} blocks")));
        }
        let blocks: Result<Vec<String>, D::Error> = texts
            .iter()
            .map(|text| {
                let block = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
                block.map(|block| block.trunc().to_string()).map_err(|_| {
                    serde::de::Error::custom(format!("{text:?} must be an address or a block such as 203.0.113.0/24"))
                })
            })
            .collect();
        Ok(Self(blocks?.join(" ")))
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
        String::from_sql(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_to_their_network_and_nonsense_is_refused() {
        let ips: AllowedIps = serde_json::from_str(r#"["203.0.113.9/24", "2001:db8::1"]"#).unwrap();
        assert_eq!(serde_json::to_string(&ips).unwrap(), r#"["203.0.113.0/24","2001:db8::1/128"]"#);
        assert_eq!(
            ips.blocks().map(|block| block.to_string()).collect::<Vec<_>>(),
            ["203.0.113.0/24", "2001:db8::1/128"]
        );
        assert_eq!(AllowedIps::default().blocks().count(), 0);
        assert!(serde_json::from_str::<AllowedIps>(r#"["everywhere"]"#).is_err());
    }
}
