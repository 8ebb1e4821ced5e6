//! [`PermissionCatalog`]: all permissions of a configuration: Keyward's own, the product's and the collections'.

use super::key_permissions::{KeyPermissions, SharedPermissions};
use super::names::PermissionNames;
use super::permission::{Least, Permission};
use super::role::{CreatorRole, HeldRole, OrganizationRole, RoleName, WorkspaceRole};
use super::scope::Scope;
use super::set::{PermissionRef, PermissionSet};
use crate::base::ids::RoleId;
use crate::base::sql::text_enum;
use std::sync::Arc;

/// The most permissions that `[permissions]` may declare.
pub const MAX_DECLARED: usize = 192;
/// The most names in an error.
const MAX_CHOICES: usize = 40;
/// The longest name of a permission, in bytes.
pub const MAX_NAME_LENGTH: usize = 100;

text_enum! {
    /// The least built-in role that has a declared permission.
    LeastRole {
        /// All roles.
        Viewer = "viewer",
        /// Editors and admins.
        Editor = "editor",
        /// Admins.
        Admin = "admin",
        /// No built-in role: only custom ones.
        None = "none",
    }
}

/// Where a permission comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Keyward's own.
    Keyward,
    /// `[permissions]` of the configuration.
    Product,
    /// A collection, for its documents.
    Collection,
}

/// A permission to declare in a catalogue.
#[derive(Clone, Debug)]
pub struct Declared {
    pub name: String,
    pub description: Option<String>,
    pub least_role: LeastRole,
    pub origin: Origin,
}

/// All permissions of a configuration, each with a place. A process may have several catalogues.
#[derive(Debug)]
pub struct PermissionCatalog {
    all: Vec<Declared>,
    /// The names by place, shared by what shows them.
    names: Arc<[Box<str>]>,
    /// The permissions by name.
    by_name: Vec<(Box<str>, PermissionRef)>,
    /// The sets of the built-in roles.
    built_in: [PermissionSet; 3],
    /// What a key with a role limit has at most: nothing of `[permissions]`, which is younger than role limits.
    limits: [PermissionSet; 3],
    /// The sets of the roles in an organization, of what is the organization's.
    in_organization: [PermissionSet; 3],
    /// What a role in a workspace may have.
    of_workspaces: PermissionSet,
    /// Keyward's own.
    keyward: PermissionSet,
    /// What only reads.
    reading: PermissionSet,
    shared: SharedPermissions,
}

impl PermissionCatalog {
    /// Compiles Keyward's own permissions and the declared ones, in this order.
    ///
    /// # Errors
    /// A text for the operator: a name is Keyward's own, is there twice, or is one too many.
    pub fn compile(declared: impl IntoIterator<Item = Declared>) -> Result<Self, String> {
        let own = Permission::ALL.iter().map(|permission| Declared {
            name: permission.as_str().to_owned(),
            description: None,
            least_role: match permission.least() {
                Least::Workspace(WorkspaceRole::Viewer) => LeastRole::Viewer,
                Least::Workspace(WorkspaceRole::Editor) => LeastRole::Editor,
                Least::Workspace(WorkspaceRole::Admin) => LeastRole::Admin,
                Least::Organization(_) => LeastRole::None,
            },
            origin: Origin::Keyward,
        });
        let all: Vec<Declared> = own.chain(declared).collect();
        if all.len() > PermissionSet::CAPACITY {
            let most = PermissionSet::CAPACITY - Permission::ALL.len();
            return Err(format!("permissions: there are more than {most}, those of collections included"));
        }
        let names: Arc<[Box<str>]> = all.iter().map(|permission| permission.name.as_str().into()).collect();
        let place = |place: usize| PermissionRef::new(place as u8, &names[place]);
        let mut by_name: Vec<(Box<str>, PermissionRef)> =
            names.iter().enumerate().map(|(at, name)| (name.clone(), place(at))).collect();
        by_name.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if let Some(twice) = by_name.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let name = &twice[0].0;
            return Err(match name.parse::<Permission>() {
                Ok(_) => format!("permissions.{name:?}: is one of Keyward's own; choose another name"),
                Err(_) => format!("permissions.{name:?}: is declared twice"),
            });
        }
        let set_of = |is_in: &dyn Fn(&Declared) -> bool| -> PermissionSet {
            all.iter().enumerate().filter(|(_, permission)| is_in(permission)).map(|(at, _)| place(at)).collect()
        };
        let roles = [
            (WorkspaceRole::Viewer, LeastRole::Viewer),
            (WorkspaceRole::Editor, LeastRole::Editor),
            (WorkspaceRole::Admin, LeastRole::Admin),
        ];
        let built_in = roles.map(|(_, least)| set_of(&|permission| permission.least_role <= least));
        let product = set_of(&|permission| permission.origin == Origin::Product);
        let in_organization =
            [OrganizationRole::Member, OrganizationRole::Admin, OrganizationRole::Owner].map(|role| {
                let held = Permission::ALL.iter().filter(|permission| permission.held_in_organization(role));
                held.map(|permission| permission.reference()).collect::<PermissionSet>()
            });
        Ok(Self {
            built_in,
            in_organization,
            limits: built_in.map(|role| role.difference(product)),
            of_workspaces: set_of(&|_| true).difference(in_organization[OrganizationRole::Owner as usize]),
            keyward: set_of(&|permission| permission.origin == Origin::Keyward),
            reading: set_of(&|permission| permission.name.ends_with(":read")),
            shared: SharedPermissions::default(),
            all,
            names,
            by_name,
        })
    }

    /// Finds a permission by name. Cost: a binary search among at most 256 names.
    pub fn find(&self, name: &str) -> Option<PermissionRef> {
        let place = self.by_name.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        self.by_name.get(place).map(|(_, permission)| *permission)
    }

    /// Returns what to say of a name that is not declared: the names that are, at most [`MAX_CHOICES`] of them.
    pub fn choices(&self) -> String {
        let shown: Vec<&str> = self.names.iter().take(MAX_CHOICES).map(AsRef::as_ref).collect();
        let more = self.names.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("must be one of: {}{more}", shown.join(", "))
    }

    /// Finds a permission that a role in a workspace may have.
    pub fn find_of_workspace(&self, name: &str) -> Option<PermissionRef> {
        self.find(name).filter(|permission| self.of_workspaces.contains(*permission))
    }

    /// Returns the permissions, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Declared> {
        self.all.iter()
    }

    /// Returns the set of the names that are declared and that a role in a workspace may have. Others are of an earlier
    /// configuration, and give nothing.
    pub fn set_of(&self, names: &PermissionNames) -> PermissionSet {
        names.iter().filter_map(|name| self.find_of_workspace(name)).collect()
    }

    /// Returns the names of a set, in the order of the catalogue.
    pub fn names_of(&self, set: PermissionSet) -> PermissionNames {
        PermissionNames(
            set.places().filter_map(|place| self.names.get(place)).map(|name| String::from(&**name)).collect(),
        )
    }

    /// Returns what a built-in role has.
    pub fn built_in(&self, role: WorkspaceRole) -> PermissionSet {
        self.built_in[role as usize]
    }

    /// Returns all that a role in a workspace may have.
    pub fn of_workspaces(&self) -> PermissionSet {
        self.of_workspaces
    }

    /// Returns what a role has in its organization.
    pub fn in_organization(&self, role: OrganizationRole) -> PermissionSet {
        self.in_organization[role as usize]
    }

    /// Returns a built-in role with what it has.
    pub fn built_in_role(&self, role: WorkspaceRole) -> HeldRole {
        HeldRole { name: RoleName::BuiltIn(role), permissions: self.built_in(role) }
    }

    /// Returns a role that is given in a workspace: a custom one by its id and its names, else the built-in one.
    pub fn held(&self, built_in: WorkspaceRole, custom: Option<(RoleId, Option<&PermissionNames>)>) -> HeldRole {
        match custom {
            None => self.built_in_role(built_in),
            Some((id, names)) => HeldRole {
                name: RoleName::Custom(id),
                permissions: names.map_or(PermissionSet::EMPTY, |names| self.set_of(names)),
            },
        }
    }

    /// Returns a user's role in a workspace: the role given there, or admin for an admin of the organization, who also has
    /// the permissions of the role given there.
    pub fn effective_role(&self, organization: OrganizationRole, given: Option<HeldRole>) -> Option<HeldRole> {
        if organization < OrganizationRole::Admin {
            return given;
        }
        let admin = self.built_in_role(WorkspaceRole::Admin);
        let given = given.map_or(PermissionSet::EMPTY, |role| role.permissions);
        Some(HeldRole { permissions: admin.permissions.union(given), ..admin })
    }

    /// Returns the most that a key with this role limit has.
    pub fn limit(&self, limit: CreatorRole) -> PermissionSet {
        self.limits[limit.in_workspace() as usize]
    }

    /// Returns the built-in role at which these permissions stand, for what asks for one: the highest one whose share of
    /// Keyward's own permissions they include, or viewer.
    pub fn standing(&self, permissions: PermissionSet) -> WorkspaceRole {
        let has_all = |role: &WorkspaceRole| self.keyward.intersection(self.built_in(*role)).is_subset(permissions);
        [WorkspaceRole::Admin, WorkspaceRole::Editor].into_iter().find(has_all).unwrap_or(WorkspaceRole::Viewer)
    }

    /// Returns what a scope keeps of the permissions.
    pub fn kept_by(&self, scope: Scope, permissions: PermissionSet) -> PermissionSet {
        match scope {
            Scope::Full => permissions,
            Scope::ReadOnly => permissions.intersection(self.reading),
        }
    }

    /// Returns what a key with this scope has of the granted permissions, with its texts, which keys with the same
    /// permissions share. Call it when a key is read, not for each request.
    pub fn of_key(&self, granted: PermissionSet, scope: Scope) -> Arc<KeyPermissions> {
        self.shared.of(granted, self.kept_by(scope, granted), &self.names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(name: &str, least_role: LeastRole, origin: Origin) -> Declared {
        Declared { name: name.to_owned(), description: None, least_role, origin }
    }

    fn catalog() -> PermissionCatalog {
        PermissionCatalog::compile([
            product("invoices:read", LeastRole::Viewer, Origin::Product),
            product("invoices:void", LeastRole::None, Origin::Product),
            product("posts:write", LeastRole::Editor, Origin::Collection),
        ])
        .unwrap()
    }

    fn names(catalog: &PermissionCatalog, role: WorkspaceRole, scope: Scope) -> Vec<String> {
        catalog.of_key(catalog.built_in(role), scope).names().map(str::to_owned).collect()
    }

    #[test]
    fn a_read_only_admin_key_reads_and_nothing_else() {
        let of_admin = names(&PermissionCatalog::compile([]).unwrap(), WorkspaceRole::Admin, Scope::ReadOnly);
        assert_eq!(of_admin, ["workspace:read", "members:read", "content:read"]);
    }

    #[test]
    fn a_full_editor_key_has_what_an_editor_has() {
        let of_editor = names(&catalog(), WorkspaceRole::Editor, Scope::Full);
        let own = ["workspace:read", "members:read", "content:read", "content:write", "keys:own"];
        assert_eq!(of_editor, [&own[..], &["invoices:read", "posts:write"]].concat());
    }

    #[test]
    fn no_role_in_a_workspace_reaches_the_organization() {
        let catalog = catalog();
        for permission in Permission::ALL {
            let is_of_workspaces = matches!(permission.least(), Least::Workspace(_));
            assert_eq!(catalog.built_in(WorkspaceRole::Admin).contains(*permission), is_of_workspaces);
            assert_eq!(catalog.find_of_workspace(permission.as_str()).is_some(), is_of_workspaces);
            assert_eq!(catalog.find(permission.as_str()), Some(permission.reference()));
        }
        assert!(!catalog.built_in(WorkspaceRole::Admin).contains(catalog.find("invoices:void").unwrap()));
    }

    #[test]
    fn a_custom_role_stands_where_its_share_of_keywards_own_permissions_puts_it() {
        let catalog = catalog();
        for role in [WorkspaceRole::Viewer, WorkspaceRole::Editor, WorkspaceRole::Admin] {
            assert_eq!(catalog.standing(catalog.built_in(role)), role);
            // What the product declares does not count.
            assert_eq!(catalog.standing(catalog.limits[role as usize]), role);
        }
        let one_less =
            catalog.built_in(WorkspaceRole::Admin).difference([Permission::KeysOwn.reference()].into_iter().collect());
        assert_eq!(catalog.standing(one_less), WorkspaceRole::Viewer);
        assert_eq!(catalog.standing(PermissionSet::EMPTY), WorkspaceRole::Viewer);
    }

    #[test]
    fn an_admin_of_the_organization_has_the_custom_role_too() {
        let catalog = catalog();
        let void = catalog.find("invoices:void").unwrap();
        let names = PermissionNames(vec!["invoices:void".into(), "gone:read".into(), "owners:manage".into()]);
        let given = catalog.held(WorkspaceRole::Viewer, Some((RoleId::new(), Some(&names))));
        assert_eq!(given.permissions, PermissionSet::EMPTY.with(void));
        let admin = catalog.effective_role(OrganizationRole::Admin, Some(given)).unwrap();
        assert_eq!(admin.name, RoleName::BuiltIn(WorkspaceRole::Admin));
        assert_eq!(admin.permissions, catalog.built_in(WorkspaceRole::Admin).with(void));
        assert_eq!(catalog.effective_role(OrganizationRole::Member, Some(given)), Some(given));
        assert_eq!(catalog.effective_role(OrganizationRole::Member, None), None);
    }

    #[test]
    fn a_role_limit_admits_nothing_that_the_product_declares() {
        let catalog = catalog();
        let limit = catalog.names_of(catalog.limit(CreatorRole::OrganizationAdmin));
        assert!(
            limit.iter().any(|name| name == "posts:write") && !limit.iter().any(|name| name.starts_with("invoices"))
        );
    }

    #[test]
    fn keys_with_the_same_permissions_share_their_texts() {
        let catalog = catalog();
        let of = |role, scope| catalog.of_key(catalog.built_in(role), scope);
        let first = of(WorkspaceRole::Viewer, Scope::Full);
        assert!(Arc::ptr_eq(&first, &of(WorkspaceRole::Viewer, Scope::Full)));
        assert!(!Arc::ptr_eq(&first, &of(WorkspaceRole::Viewer, Scope::ReadOnly)));
        let mut json = Vec::new();
        first.write_json(&mut json);
        let listed: Vec<String> = serde_json::from_slice(&json).unwrap();
        assert_eq!(listed.join(","), first.header().to_str().unwrap());
        assert_eq!(listed, first.names().collect::<Vec<_>>());
    }

    #[test]
    fn names_that_clash_and_names_that_are_too_many_are_refused() {
        let own = PermissionCatalog::compile([product("keys:own", LeastRole::Viewer, Origin::Product)]);
        assert!(own.unwrap_err().contains("Keyward's own"));
        let many = (0..244).map(|number| product(&format!("a:n{number}"), LeastRole::Viewer, Origin::Product));
        assert!(PermissionCatalog::compile(many).unwrap_err().contains("more than 243"));
    }
}
