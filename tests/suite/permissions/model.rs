//! What each key may do, in a few lines. Sets are bits, in the order of [`NAMES`].

/// The permissions that the model knows.
pub const NAMES: [&str; 8] = [
    "workspace:read",
    "content:read",
    "content:write",
    "keys:own",
    "invoices:read",
    "invoices:void",
    "invoices:write",
    "secrets:read",
];
pub type Set = u8;

pub const READING: Set = 0b1001_0011;
pub const VIEWER: Set = 0b0001_1011;
pub const EDITOR: Set = 0b0101_1111;
/// An admin has the same as an editor of those that the model knows.
pub const ADMIN: Set = EDITOR;

#[derive(Clone, Debug, Default)]
pub struct Person {
    pub is_admin: bool,
    /// In the workspace.
    pub role: Option<Role>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Viewer,
    Editor,
    Admin,
    Custom(usize),
}

#[derive(Clone, Debug)]
pub struct Key {
    pub owner: usize,
    pub is_read_only: bool,
    pub list: Option<Set>,
    /// What it had when it was orphaned.
    pub orphaned_with: Option<Set>,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub people: Vec<Person>,
    pub roles: Vec<Set>,
    pub keys: Vec<Key>,
}

impl Model {
    pub fn of_role(&self, role: Role) -> Set {
        match role {
            Role::Viewer => VIEWER,
            Role::Editor => EDITOR,
            Role::Admin => ADMIN,
            Role::Custom(place) => self.roles[place],
        }
    }

    /// What a person has in the workspace. `None` without a role there.
    pub fn has(&self, person: usize) -> Option<Set> {
        let Person { is_admin, role } = &self.people[person];
        let given = role.map(|role| self.of_role(role));
        if *is_admin { Some(ADMIN | given.unwrap_or(0)) } else { given }
    }

    /// What a key may do: owner ∩ scope ∩ list. `None` for one that does not work.
    pub fn effective(&self, key: &Key) -> Option<Set> {
        let owners = self.has(key.owner).filter(|_| key.orphaned_with.is_none())?;
        Some(owners & key.list.unwrap_or(Set::MAX) & if key.is_read_only { READING } else { Set::MAX })
    }

    /// What a key had last.
    pub fn had(&self, key: &Key) -> Option<Set> {
        key.orphaned_with.map(|had| had & key.list.unwrap_or(Set::MAX)).or_else(|| self.effective(key))
    }
}
