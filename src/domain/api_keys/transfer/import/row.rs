//! Checks a row without the database.

use super::fields::{Field, RawRow};
use crate::base::ids::{KeyId, UserId, WorkspaceId};
use crate::base::input::validation::{Email, name};
use crate::base::policy::Scope;
use crate::base::time::Timestamp;
use crate::domain::api_keys::import::ImportSettings;
use crate::domain::api_keys::import::fields::LineFault;
use crate::domain::api_keys::{AllowedIps, PresentedKey};
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use std::str::FromStr;

/// The maximum number of characters of a preview.
const MAX_PREVIEW_LENGTH: usize = 64;
/// Separates the start from the end of a key in a preview.
const DOTS: &str = "...";

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A row that passed the checks without the database.
#[derive(Debug)]
pub(super) struct ParsedRow {
    pub(super) id: Option<KeyId>,
    pub(super) workspace_id: WorkspaceId,
    /// Candidates for the creator, in order of preference.
    pub(super) creators: Vec<Person>,
    pub(super) hash: [u8; 32],
    pub(super) name: Option<String>,
    pub(super) preview: String,
    pub(super) scope: Scope,
    pub(super) allowed_ips: AllowedIps,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) disabled_at: Option<Timestamp>,
    pub(super) revoked_at: Option<Timestamp>,
    pub(super) orphaned_at: Option<Timestamp>,
    /// Whether this server recognizes keys with this start.
    pub(super) starts_as_known: bool,
}

/// A person as named in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Person {
    Id(UserId),
    Email(String),
}

impl FromStr for Person {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self::Id).or_else(|_| text.parse().map(|email: Email| Self::Email(email.into_string())))
    }
}

impl ParsedRow {
    /// Checks a row and collects all its faults.
    pub(super) fn new(row: RawRow, settings: &ImportSettings<'_>) -> Result<Self, Vec<LineFault>> {
        let mut faults = Vec::new();
        let parsed = Self::read(&row, settings, &mut faults);
        parsed.filter(|_| faults.is_empty()).ok_or(faults)
    }

    fn read(row: &RawRow, settings: &ImportSettings<'_>, faults: &mut Vec<LineFault>) -> Option<Self> {
        let renamed = |text: &str| settings.renamed.get(text).cloned().unwrap_or_else(|| text.to_owned());
        let named = |field, default: &Option<String>| row.get(field).map(renamed).or_else(|| default.clone());
        let now = settings.now;

        let workspace = named(Field::WorkspaceId, &settings.workspace);
        let workspace = workspace.ok_or("is missing; name one here, or for all such rows by --workspace".to_owned());
        let workspace_id = workspace.and_then(|text| {
            text.parse()
                .map_err(|_| "must be the id of a workspace here, such as ws_…; say which by --map OLD=NEW".into())
        });
        let workspace_id = taken(Field::WorkspaceId, workspace_id, faults);

        let mut creators = Vec::new();
        let emails = row.get(Field::CreatedByEmail).map(renamed);
        let default = if emails.is_some() { &None } else { &settings.creator };
        for (field, text) in [(Field::CreatedBy, named(Field::CreatedBy, default)), (Field::CreatedByEmail, emails)] {
            let Some(text) = text else { continue };
            let person = text.parse().map_err(|_| {
                "must be the id of a user here, or an e-mail address; say who by --map OLD=NEW".to_owned()
            });
            creators.extend(taken(field, person, faults));
        }
        if creators.is_empty() && !faults.iter().any(|fault| fault.blames(Field::CreatedBy)) {
            let message = "is missing; name a member here, or for all such rows by --creator";
            faults.push(LineFault::new(Field::CreatedBy.name(), message));
        }

        let hash = hash_of(row, settings, faults);
        let preview = preview_of(row, settings, hash.as_ref(), faults);
        let starts_as_known = match row.get(Field::Plaintext) {
            Some(_) => true,
            None => preview.as_deref().is_none_or(|preview| {
                preview.starts_with(DOTS) || settings.format.may_start(preview.split(DOTS).next().unwrap_or_default())
            }),
        };

        let scopes = &settings.config.keys.scopes;
        let scope = match row.get(Field::Scope) {
            None => scopes.first().copied(),
            Some(text) => {
                let scope = text.parse().ok().filter(|scope| scopes.contains(scope));
                let allowed: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
                taken(Field::Scope, scope.ok_or_else(|| format!("must be one of: {}", allowed.join(", "))), faults)
            }
        };
        let key_name = row.get(Field::Name).map(|text| name(text).map(|name| name.into_string()));
        let allowed_ips = row.get(Field::AllowedIps).map_or(Ok(AllowedIps::default()), |text| {
            let blocks: Value = text.split([' ', ',', ';']).filter(|block| !block.is_empty()).collect();
            serde_json::from_value(blocks)
                .map_err(|_| "must be at most 50 addresses or blocks such as 203.0.113.0/24".to_owned())
        });
        let mut time = |field: Field| {
            let parsed = row.get(field).map(Timestamp::from_str).transpose();
            taken(field, parsed, faults).flatten()
        };
        let past = [
            (Field::CreatedAt, time(Field::CreatedAt)),
            (Field::LastUsedAt, time(Field::LastUsedAt)),
            (Field::DisabledAt, time(Field::DisabledAt)),
            (Field::RevokedAt, time(Field::RevokedAt)),
            (Field::OrphanedAt, time(Field::OrphanedAt)),
        ];
        let expires_at = time(Field::ExpiresAt);
        for (field, _) in past.iter().filter(|(_, time)| time.is_some_and(|time| time > now)) {
            faults.push(LineFault::new(field.name(), "must not be in the future"));
        }
        let [(_, created_at), (_, last_used_at), (_, disabled_at), (_, revoked_at), (_, orphaned_at)] = past;
        Some(Self {
            id: row.get(Field::Id).map(|text| taken(Field::Id, text.parse(), faults)).unwrap_or_default(),
            workspace_id: workspace_id?,
            creators,
            hash: hash?,
            name: key_name.and_then(|name| taken(Field::Name, name, faults)),
            preview: preview?,
            scope: scope?,
            allowed_ips: taken(Field::AllowedIps, allowed_ips, faults)?,
            created_at: created_at.unwrap_or(now),
            expires_at,
            last_used_at,
            disabled_at,
            revoked_at,
            orphaned_at,
            starts_as_known,
        })
    }
}

/// Returns the value, or records the message as a fault of the field.
fn taken<T>(field: Field, value: Result<T, String>, faults: &mut Vec<LineFault>) -> Option<T> {
    value.map_err(|message| faults.push(LineFault::new(field.name(), message))).ok()
}

/// Returns the given SHA-256, or that of the plaintext.
fn hash_of(row: &RawRow, settings: &ImportSettings<'_>, faults: &mut Vec<LineFault>) -> Option<[u8; 32]> {
    let given = row.get(Field::Sha256).map(|text| taken(Field::Sha256, sha256(text), faults));
    let plaintext = row.get(Field::Plaintext).map(PresentedKey::new);
    let Some(key) = plaintext else {
        if given.is_none() {
            faults.push(LineFault::new(Field::Sha256.name(), "is missing; give the key's SHA-256, or its plaintext"));
        }
        return given.flatten();
    };
    if !settings.format.recognizes(key) {
        let message = "does not look like a key of this server, so nobody could use it; tell it what such keys look like \
                       by [[keys.imported]] in its configuration";
        faults.push(LineFault::new(Field::Plaintext.name(), message));
    }
    let hash = key.hash();
    if given.flatten().is_some_and(|given| given != hash) {
        faults.push(LineFault::new(Field::Sha256.name(), "is not the SHA-256 of the plaintext; leave one of them out"));
    }
    Some(hash)
}

/// Decodes a SHA-256 from hexadecimal, or from base64 of either alphabet with or without padding.
fn sha256(text: &str) -> Result<[u8; 32], String> {
    let hex = || -> Option<Vec<u8>> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        (0..32).map(|place| u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()).collect()
    };
    let bytes = hex().or_else(|| BASE64.decode(text).ok()).or_else(|| BASE64_URL.decode(text).ok());
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        let length = text.chars().count();
        format!(
            "must be the SHA-256 of the whole key, as 64 hexadecimal digits or as 43 or 44 characters of base64; it has \
             {length}. A key that is hashed in another way can only be imported by its plaintext"
        )
    })
}

/// Returns the given preview, or one made from the plaintext, or only dots when the row has neither.
fn preview_of(
    row: &RawRow,
    settings: &ImportSettings<'_>,
    hash: Option<&[u8; 32]>,
    faults: &mut Vec<LineFault>,
) -> Option<String> {
    let plaintext = row.get(Field::Plaintext);
    let Some(given) = row.get(Field::Preview) else {
        let made = plaintext.and_then(|text| settings.format.preview_of_any(PresentedKey::new(text)));
        return Some(made.unwrap_or_else(|| DOTS.to_owned()));
    };
    let is_key = plaintext.is_some_and(|text| given.contains(text))
        || hash.is_some_and(|hash| PresentedKey::new(given).hash() == *hash);
    let preview = if given.contains(DOTS) { given.to_owned() } else { format!("{given}{DOTS}") };
    let message = if is_key {
        "is the key itself; give no more than its first characters".to_owned()
    } else if preview.len() > MAX_PREVIEW_LENGTH || !preview.bytes().all(|byte| byte.is_ascii_graphic()) {
        format!("must be at most {MAX_PREVIEW_LENGTH} visible ASCII characters")
    } else {
        return Some(preview);
    };
    taken(Field::Preview, Err(message), faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sha256_is_taken_in_hex_and_base64_and_nothing_else_is() {
        let hash: [u8; 32] = std::array::from_fn(|place| 255 - place as u8);
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        for good in [hex.clone(), hex.to_uppercase(), BASE64.encode(hash), BASE64_URL.encode(hash)] {
            assert_eq!(sha256(&good).unwrap(), hash, "{good}");
            assert_eq!(sha256(good.trim_end_matches('=')).unwrap(), hash, "{good}");
        }
        for bad in [
            "",
            "abc",
            &hex[1..],
            &format!("{hex}00"),
            &"+1".repeat(32),
            "$2b$12$abcdefghijklmnopqrstuv",
            &"é".repeat(32),
        ] {
            assert!(sha256(bad).is_err(), "{bad}");
        }
        assert!(!sha256(&"g".repeat(64)).unwrap_err().contains("ggg"));
    }
}
