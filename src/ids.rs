//! Ids: one type for each kind of thing, so that a workspace's id can't be passed where a key's is meant.
//!
//! An id is a prefix and a UUIDv7 in the 26 lower-case base-32 characters of the [TypeID](https://github.com/jetify-com/typeid)
//! specification: `key_01k4w5c9q2e0vb7m3t8z6r1xhd`. Ids sort by the time they were made, in any collation, and
//! are the position in a list's cursor.

use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LENGTH: usize = 26;

/// A fresh suffix: 128 bits, most significant first, five to a character.
fn new_suffix() -> [u8; SUFFIX_LENGTH] {
    let bits = Uuid::now_v7().as_u128();
    std::array::from_fn(|place| ALPHABET[(bits >> (5 * (SUFFIX_LENGTH - 1 - place))) as usize & 31])
}

fn is_suffix(text: &str) -> bool {
    // 26 characters hold 130 bits: a first one above '7' would overflow 128.
    text.len() == SUFFIX_LENGTH
        && text.bytes().all(|byte| ALPHABET.contains(&byte))
        && text.as_bytes().first().is_some_and(|first| *first <= b'7')
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
        )]
        #[diesel(sql_type = diesel::sql_types::Text)]
        // As long as its text, and no length beside it: a node holds hundreds of thousands of them.
        pub struct $name([u8; concat!($prefix, "_").len() + SUFFIX_LENGTH]);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = concat!($prefix, "_");

            /// A fresh id, later than all before it in this process.
            #[expect(clippy::new_without_default, reason = "each call gives another one")]
            pub fn new() -> Self {
                let mut id = [0; concat!($prefix, "_").len() + SUFFIX_LENGTH];
                let (prefix, suffix) = id.split_at_mut(Self::PREFIX.len());
                prefix.copy_from_slice(Self::PREFIX.as_bytes());
                suffix.copy_from_slice(&new_suffix());
                Self(id)
            }

            /// The id as the wire and the database spell it.
            pub fn as_str(&self) -> &str {
                // It was made of a prefix, letters and digits.
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                text.strip_prefix(Self::PREFIX)
                    .filter(|suffix| is_suffix(suffix))
                    .and_then(|_| text.as_bytes().try_into().ok())
                    .map(Self)
                    .ok_or_else(|| format!("must be an id such as {}01k4w5c9q2e0vb7m3t8z6r1xhd", Self::PREFIX))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <std::borrow::Cow<'_, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$")))
                    .examples([concat!($prefix, "_01k4w5c9q2e0vb7m3t8z6r1xhd")])
                    .into()
            }
        }
        impl utoipa::ToSchema for $name {}

        impl<DB: diesel::backend::Backend> diesel::serialize::ToSql<diesel::sql_types::Text, DB> for $name
        where
            str: diesel::serialize::ToSql<diesel::sql_types::Text, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, DB>) -> diesel::serialize::Result {
                self.as_str().to_sql(out)
            }
        }

        impl<DB: diesel::backend::Backend> diesel::deserialize::FromSql<diesel::sql_types::Text, DB> for $name
        where
            String: diesel::deserialize::FromSql<diesel::sql_types::Text, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                Ok(String::from_sql(value)?.parse()?)
            }
        }
    )+};
}

ids! {
    /// An organization: the paying customer.
    OrganizationId = "org";
    /// A workspace of an organization.
    WorkspaceId = "ws";
    /// A person, of any issuer.
    UserId = "usr";
    /// A person's membership of an organization; internal, the order of member lists.
    MembershipId = "mem";
    /// An invitation to an organization.
    InvitationId = "inv";
    /// An API key's record, which survives rolls.
    KeyId = "key";
    /// A document of a collection.
    DocumentId = "doc";
    /// A service token's record.
    ServiceTokenId = "svt";
    /// An event of an audit trail.
    AuditEventId = "evt";
    /// A running process that serves from a cache; internal.
    NodeId = "node";
    /// One change of somebody's access, as the nodes tell each other of it; internal.
    ChangeId = "chg";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_age_and_survive_a_round_trip() {
        let ids: Vec<KeyId> = (0..1000).map(|_| KeyId::new()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().all(|id| id.as_str().parse() == Ok(*id)));
    }

    #[test]
    fn an_id_of_another_kind_or_shape_is_refused() {
        let key = KeyId::new();
        assert!(key.as_str().parse::<WorkspaceId>().is_err());
        for bad in [
            "",
            "key_",
            "key_81k4w5c9q2e0vb7m3t8z6r1xhd",
            "key_01K4W5C9Q2E0VB7M3T8Z6R1XHD",
            "key_01k4w5c9q2e0vb7m3t8z6r1xh\0",
        ] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad:?}");
        }
    }
}
