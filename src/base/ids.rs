//! Ids: one type for each kind of resource, so that a workspace's id can't be passed as a key's.
//!
//! An id is a prefix and a UUIDv7 in the 26 lower-case base-32 characters of the
//! [TypeID](https://github.com/jetify-com/typeid) specification: `key_01k4w5c9q2e0vb7m3t8z6r1xhd`. Ids sort by the time
//! they were made, in any collation, and are the position in a list's cursor.

use arrayvec::ArrayString;
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LENGTH: usize = 26;

/// Encodes 128 bits, most significant first, five to a character; the first character has three.
fn suffix_of(bytes: [u8; 16]) -> [u8; SUFFIX_LENGTH] {
    let bits = u128::from_be_bytes(bytes);
    // Halves of whole characters: arithmetic of 64 bits is one instruction each, of 128 several.
    let (high, low) = ((bits >> 65) as u64, bits as u64);
    let middle = (bits >> 60) as u64 & 31;
    let character = |five: u64| ALPHABET[five as usize & 31];
    let mut suffix = [0; SUFFIX_LENGTH];
    // Loops without a branch, which the compiler unrolls.
    let shifts = (0..13).rev().map(|place| 5 * place);
    for (out, shift) in suffix.iter_mut().zip(shifts.clone()) {
        *out = character(high >> shift);
    }
    suffix[13] = character(middle);
    for (out, shift) in suffix[14..].iter_mut().zip(shifts.skip(1)) {
        *out = character(low >> shift);
    }
    suffix
}

fn bytes_of(suffix: &str) -> Option<[u8; 16]> {
    let mut bits = 0_u128;
    for byte in suffix.bytes() {
        let five = ALPHABET.iter().position(|character| *character == byte)?;
        bits = bits << 5 | five as u128;
    }
    // 26 characters hold 130 bits: a first one above '7' would overflow 128.
    let fits = suffix.len() == SUFFIX_LENGTH && suffix.as_bytes().first().is_some_and(|first| *first <= b'7');
    fits.then(|| bits.to_be_bytes())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
        )]
        #[diesel(sql_type = diesel::sql_types::Text)]
        // The UUID's bytes, which sort as the text does: a node holds hundreds of thousands of them.
        pub struct $name([u8; 16]);

        impl $name {
            /// The start of every id of this kind.
            pub const PREFIX: &'static str = concat!($prefix, "_");
            /// An invented id, for examples.
            pub const EXAMPLE: &'static str = concat!($prefix, "_01k4w5c9q2e0vb7m3t8z6r1xhd");

            /// Makes an id that sorts after all earlier ids of this process.
            #[expect(clippy::new_without_default, reason = "each call gives another one")]
            pub fn new() -> Self {
                Self(Uuid::now_v7().into_bytes())
            }

            /// Returns the id's text on the wire and in the database. Costs some 20 ns; no allocation.
            pub fn text(&self) -> ArrayString<{ concat!($prefix, "_").len() + SUFFIX_LENGTH }> {
                // A prefix, letters and digits are always text.
                ArrayString::from_byte_string(&self.characters()).unwrap_or_default()
            }

            /// Returns the bytes of [`Self::text`].
            pub fn characters(&self) -> [u8; concat!($prefix, "_").len() + SUFFIX_LENGTH] {
                let mut text = [0; concat!($prefix, "_").len() + SUFFIX_LENGTH];
                let (prefix, suffix) = text.split_at_mut(Self::PREFIX.len());
                prefix.copy_from_slice(Self::PREFIX.as_bytes());
                suffix.copy_from_slice(&suffix_of(self.0));
                text
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                text.strip_prefix(Self::PREFIX)
                    .and_then(bytes_of)
                    .map(Self)
                    .ok_or_else(|| format!("must be an id such as {}01k4w5c9q2e0vb7m3t8z6r1xhd", Self::PREFIX))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.text())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.text())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text())
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
                    .examples([Self::EXAMPLE])
                    .into()
            }
        }
        impl utoipa::ToSchema for $name {}

        impl diesel::serialize::ToSql<diesel::sql_types::Text, diesel::pg::Pg> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
            ) -> diesel::serialize::Result {
                std::io::Write::write_all(out, self.text().as_bytes())?;
                Ok(diesel::serialize::IsNull::No)
            }
        }

        impl diesel::serialize::ToSql<diesel::sql_types::Text, diesel::sqlite::Sqlite> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, diesel::sqlite::Sqlite>,
            ) -> diesel::serialize::Result {
                out.set_value(self.to_string());
                Ok(diesel::serialize::IsNull::No)
            }
        }

        impl diesel::serialize::ToSql<diesel::sql_types::Text, crate::base::sql::MultiBackend> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, crate::base::sql::MultiBackend>,
            ) -> diesel::serialize::Result {
                out.set_value((diesel::sql_types::Text, self));
                Ok(diesel::serialize::IsNull::No)
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
    /// A user, of any issuer.
    UserId = "usr";
    /// A user's membership of an organization; internal, the order of member lists.
    MembershipId = "mem";
    /// A custom role of an organization.
    RoleId = "role";
    /// An invitation to an organization.
    InvitationId = "inv";
    /// An API key's record, which survives rolls.
    KeyId = "key";
    /// A document of a collection.
    DocumentId = "doc";
    /// A service token's record.
    ServiceTokenId = "svt";
    /// A sign-in at the built-in identity provider.
    SessionId = "ses";
    /// An event of an audit trail.
    AuditEventId = "evt";
    /// A running process that serves from a cache; internal.
    NodeId = "node";
    /// A change of access, which nodes announce to each other; internal.
    ChangeId = "chg";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_age_and_survive_a_round_trip() {
        let ids: Vec<KeyId> = (0..1000).map(|_| KeyId::new()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().map(KeyId::text).is_sorted_by(|a, b| a < b));
        assert!(ids.iter().all(|id| id.text().parse() == Ok(*id)));
    }

    #[test]
    fn every_bit_has_its_place_in_the_text() {
        assert_eq!(KeyId([0; 16]).to_string(), format!("key_{}", "0".repeat(26)));
        assert_eq!(KeyId([0xff; 16]).to_string(), format!("key_7{}", "z".repeat(25)));
        for bit in 0..128 {
            let id = KeyId((1_u128 << bit).to_be_bytes());
            let mut expected = [b'0'; SUFFIX_LENGTH];
            expected[SUFFIX_LENGTH - 1 - bit / 5] = ALPHABET[1 << (bit % 5)];
            assert_eq!(id.text()[4..].as_bytes(), expected);
            assert_eq!(id.text().parse(), Ok(id));
        }
    }

    #[test]
    fn an_id_of_another_kind_or_shape_is_refused() {
        let key = KeyId::new();
        assert!(key.text().parse::<WorkspaceId>().is_err());
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
