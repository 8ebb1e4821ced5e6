//! Checks a row without the database.

use super::fields::{Field, NO_PERMISSION, RawRow};
use super::sha256::sha256;
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::input::email::Email;
use crate::base::input::validation::name;
use crate::base::policy::{CreatorRole, MAX_NAME_LENGTH, PermissionNames, PermissionSet, Scope};
use crate::base::time::Timestamp;
use crate::domain::api_keys::import::ImportSettings;
use crate::domain::api_keys::import::fields::LineFault;
use crate::domain::api_keys::{AllowedIps, ApiKey, PresentedKey, Reason};
use serde_json::Value;
use std::str::FromStr;

/// The maximum number of characters of a preview.
const MAX_PREVIEW_LENGTH: usize = 64;
/// Separates the start from the end of a key in a preview.
const DOTS: &str = "...";

/// A row that is good by itself.
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
    pub(super) role_limit: Option<CreatorRole>,
    pub(super) permissions: Option<PermissionNames>,
    pub(super) last_permissions: Option<PermissionNames>,
    pub(super) reason: Reason,
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
                // Without the text, which may be a key in the wrong column.
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
            role_limit: row.get(Field::RoleLimit).and_then(|text| taken(Field::RoleLimit, text.parse(), faults)),
            permissions: names(row, Field::Permissions, faults),
            last_permissions: names(row, Field::LastPermissions, faults),
            reason: Reason {
                kind: row.get(Field::Reason).and_then(|text| taken(Field::Reason, text.parse(), faults)),
                comment: row.get(Field::Comment).and_then(|text| taken(Field::Comment, text.parse(), faults)),
            },
            starts_as_known,
        })
    }

    /// Returns the key to add. A row without an id gets a new one.
    pub(super) fn into_key(self, organization: OrganizationId, creator: UserId) -> ApiKey {
        let (reason, comment) = self.reason.over(None, None);
        // Without `..`, so that the compiler reports this place when a key gets a column.
        ApiKey {
            id: self.id.unwrap_or_else(KeyId::new),
            organization_id: organization,
            workspace_id: self.workspace_id,
            creator_id: creator,
            name: self.name,
            preview: self.preview,
            scope: self.scope,
            allowed_ips: self.allowed_ips,
            expires_at: self.expires_at,
            disabled_at: self.disabled_at,
            revoked_at: self.revoked_at,
            orphaned_at: self.orphaned_at,
            overlap_ends_at: None,
            last_used_at: self.last_used_at,
            created_at: self.created_at,
            role_limit: self.role_limit,
            permissions: self.permissions,
            last_permissions: self.last_permissions,
            reason,
            comment,
        }
    }

    /// Returns a fault unless the key in the database has the same data.
    pub(super) fn ensure_same(&self, creator: UserId, key: &ApiKey) -> Result<(), LineFault> {
        let differing: Vec<&str> = [
            (Field::Id, self.id.is_some_and(|id| id != key.id)),
            (Field::WorkspaceId, self.workspace_id != key.workspace_id),
            (Field::CreatedBy, creator != key.creator_id),
            (Field::Name, self.name != key.name),
            (Field::Preview, self.preview != key.preview),
            (Field::Scope, self.scope != key.scope),
            (Field::AllowedIps, self.allowed_ips != key.allowed_ips),
            (Field::ExpiresAt, self.expires_at != key.expires_at),
            (Field::RoleLimit, self.role_limit.is_some_and(|limit| key.role_limit.is_none_or(|there| there > limit))),
            (Field::Permissions, self.permissions != key.permissions),
            // The key may have been stopped here since. A key that works here but is stopped in the file is a fault.
            (Field::DisabledAt, self.disabled_at.is_some() && key.disabled_at.is_none() && key.revoked_at.is_none()),
            (Field::RevokedAt, self.revoked_at.is_some() && key.revoked_at.is_none()),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field.name()))
        .collect();
        if differing.is_empty() {
            return Ok(());
        }
        Err(LineFault::of_row(format!(
            "the key is there already as {}, with another {}; an import changes nothing: change it there, or take the line out",
            key.id,
            differing.join(", ")
        )))
    }
}

/// Returns the value, or records the message as a fault of the field.
fn taken<T>(field: Field, value: Result<T, String>, faults: &mut Vec<LineFault>) -> Option<T> {
    value.map_err(|message| faults.push(LineFault::new(field.name(), message))).ok()
}

/// Returns a list of permissions, if the row has one. Names that are not declared here give nothing.
fn names(row: &RawRow, field: Field, faults: &mut Vec<LineFault>) -> Option<PermissionNames> {
    let text = row.get(field)?;
    if text == NO_PERMISSION {
        return Some(PermissionNames::default());
    }
    let names: Vec<String> = text.split([' ', ',', ';']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let is_name = |name: &String| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte);
        name.len() <= MAX_NAME_LENGTH && name.contains(':') && name.bytes().all(is_plain)
    };
    if names.len() > PermissionSet::CAPACITY || !names.iter().all(is_name) {
        let message = format!("must be at most {} permissions such as invoices:read", PermissionSet::CAPACITY);
        return taken(field, Err(message), faults);
    }
    Some(PermissionNames(names))
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

/// What may be shown: as given, or made of the plaintext; nothing but dots where neither is there.
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
