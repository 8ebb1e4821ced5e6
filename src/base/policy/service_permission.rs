//! What a service token may do: a closed vocabulary, and sets of it.

use crate::base::sql::text_enum;
use std::fmt;
use std::str::FromStr;

text_enum! {
    /// One thing that a service token may do. A permission to write includes the permission to read the same, and to see
    /// API keys includes to see how often they were used.
    ServicePermission {
        /// Ask whether API keys are good, and report leaked ones. Both take the key itself.
        KeysVerify = "keys:verify",
        /// See organizations.
        OrganizationsRead = "organizations:read",
        /// Create, rename and delete organizations.
        OrganizationsWrite = "organizations:write",
        /// See subscriptions. Only billing and the operator's commands change them.
        SubscriptionsRead = "subscriptions:read",
        /// Create users, and change what is known of them.
        UsersWrite = "users:write",
        /// See workspaces.
        WorkspacesRead = "workspaces:read",
        /// Create, rename and delete workspaces.
        WorkspacesWrite = "workspaces:write",
        /// See members, invitations and custom roles.
        MembersRead = "members:read",
        /// Add, change and remove members, invite them, and make custom roles.
        MembersWrite = "members:write",
        /// See API keys.
        KeysRead = "keys:read",
        /// Create, change and revoke API keys, and make portal sessions, which do that.
        KeysWrite = "keys:write",
        /// See how often API keys were used.
        UsageRead = "usage:read",
        /// Read audit trails.
        AuditRead = "audit:read",
        /// Read the content of collections.
        ContentRead = "content:read",
        /// Write the content of collections.
        ContentWrite = "content:write",
    }
}

impl ServicePermission {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::KeysVerify,
        Self::OrganizationsRead,
        Self::OrganizationsWrite,
        Self::SubscriptionsRead,
        Self::UsersWrite,
        Self::WorkspacesRead,
        Self::WorkspacesWrite,
        Self::MembersRead,
        Self::MembersWrite,
        Self::KeysRead,
        Self::KeysWrite,
        Self::UsageRead,
        Self::AuditRead,
        Self::ContentRead,
        Self::ContentWrite,
    ];

    /// Returns whether this permission includes another one.
    fn includes(self, other: Self) -> bool {
        let written = self.as_str().strip_suffix(":write");
        let reads = written.is_some() && written == other.as_str().strip_suffix(":read");
        // A portal session shows both, and is made with the permission to write keys.
        reads || (other == Self::UsageRead && matches!(self, Self::KeysRead | Self::KeysWrite))
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of permissions. As text: their names in the order of the vocabulary, with commas between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServicePermissions(u32);

impl ServicePermissions {
    /// What a token may do that was made without a list.
    pub const VERIFY: Self = Self(1 << ServicePermission::KeysVerify as u32);

    /// Returns whether the set has the permission, or one that includes it.
    pub fn may(self, permission: ServicePermission) -> bool {
        let includes = |own: ServicePermission| self.names(own) && own.includes(permission);
        self.names(permission) || ServicePermission::ALL.into_iter().any(includes)
    }

    fn names(self, permission: ServicePermission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Reads a stored set. Names of a newer version are left out.
    pub fn of_stored(text: &str) -> Self {
        let known = text.split(',').filter_map(|name| name.parse::<ServicePermission>().ok());
        Self(known.fold(0, |set, permission| set | permission.bit()))
    }
}

impl FromStr for ServicePermissions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut set = Self::default();
        for name in text.split(',').map(str::trim) {
            let permission: ServicePermission = name.parse().map_err(|words| format!("{name:?} {words}"))?;
            if set.names(permission) {
                return Err(format!("{name:?} is named twice"));
            }
            set.0 |= permission.bit();
        }
        Ok(set)
    }
}

impl fmt::Display for ServicePermissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = ServicePermission::ALL
            .into_iter()
            .filter(|permission| self.names(*permission))
            .map(ServicePermission::as_str)
            .collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServicePermission::{ContentRead, KeysRead, KeysVerify, KeysWrite, MembersRead, UsageRead};

    #[test]
    fn to_write_includes_to_read_the_same_and_to_see_keys_their_usage() {
        let writes: ServicePermissions = "keys:write".parse().unwrap();
        assert!(writes.may(KeysWrite) && writes.may(KeysRead));
        assert!(!writes.may(KeysVerify) && !writes.may(MembersRead) && !writes.may(ContentRead));
        let reads: ServicePermissions = "keys:read".parse().unwrap();
        assert!(reads.may(KeysRead) && reads.may(UsageRead) && !reads.may(KeysWrite));
        let uses: ServicePermissions = "usage:read".parse().unwrap();
        assert!(uses.may(UsageRead) && !uses.may(KeysRead));
        assert!(ServicePermission::ALL.iter().all(|permission| !ServicePermissions::default().may(*permission)));
    }

    #[test]
    fn a_list_is_read_as_it_is_written_and_a_wrong_one_is_refused_with_words() {
        let set: ServicePermissions = "keys:write, organizations:write,keys:verify".parse().unwrap();
        assert_eq!(set.to_string(), "keys:verify,organizations:write,keys:write");
        assert_eq!(ServicePermissions::of_stored(&set.to_string()), set);
        assert_eq!(ServicePermissions::of_stored("keys:verify,of:tomorrow"), ServicePermissions::VERIFY);
        for (wrong, words) in [("", "must be one of"), ("keys", "keys:verify"), ("keys:read,keys:read", "twice")] {
            let refused = wrong.parse::<ServicePermissions>().unwrap_err();
            assert!(refused.contains(words), "{wrong}: {refused}");
        }
        for (place, permission) in ServicePermission::ALL.into_iter().enumerate() {
            assert_eq!(permission as usize, place);
        }
    }
}
