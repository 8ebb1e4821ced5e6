//! Database checks of a row: its workspace, its creator, and whether the key exists.

use super::ImportedKey;
use super::fields::Field;
use super::row::{ParsedRow, Person};
use crate::base::error::ApiError;
use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::policy::{CreatorRole, PermissionCatalog};
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_key_secrets, api_keys, imported_keys, organization_members, users};
use crate::base::time::Timestamp;
use crate::domain::api_keys::ApiKey;
use crate::domain::api_keys::import::ImportSettings;
use crate::domain::api_keys::import::fields::LineFault;
use crate::domain::tenancy::Workspace;
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The maximum number of cached workspaces, and of cached creators.
const REMEMBERED: usize = 10_000;

/// How a row compares with the database.
pub(super) enum ImportMatch {
    New(Box<ImportedKey>),
    /// The key exists with the same data.
    There,
    /// The key was imported before, and its value has been rolled away or deleted since.
    Gone,
}

/// Results by line number.
type Answers = Vec<(u64, Result<ImportMatch, LineFault>)>;

/// Queries the database, and caches workspaces and creators for later rows.
pub(super) struct Lookup {
    least_role: CreatorRole,
    catalog: Arc<PermissionCatalog>,
    workspaces: HashMap<WorkspaceId, Option<OrganizationId>>,
    creators: HashMap<(WorkspaceId, Person), Result<UserId, &'static str>>,
}

impl Lookup {
    pub(super) fn new(settings: &ImportSettings<'_>) -> Self {
        let least_role = settings.config.keys.min_creator_role;
        let catalog = Arc::clone(settings.catalog);
        Self { least_role, catalog, workspaces: HashMap::new(), creators: HashMap::new() }
    }

    /// Looks up rows, in their order. Three statements, and up to two more for each new pair of workspace and creator.
    pub(super) fn find(&mut self, conn: &mut Conn, rows: Vec<(u64, ParsedRow)>) -> Result<Answers, ApiError> {
        let hashes: Vec<Vec<u8>> = rows.iter().map(|(_, row)| row.hash.to_vec()).collect();
        let ids: Vec<KeyId> = rows.iter().filter_map(|(_, row)| row.id).collect();
        let there: Vec<(Vec<u8>, Option<Timestamp>, ApiKey)> = api_key_secrets::table
            .inner_join(api_keys::table)
            .filter(api_key_secrets::hash.eq_any(&hashes))
            .select((api_key_secrets::hash, api_key_secrets::valid_until, ApiKey::as_select()))
            .load(conn)?;
        let there: HashMap<Vec<u8>, (Option<Timestamp>, ApiKey)> =
            there.into_iter().map(|(hash, ends, key)| (hash, (ends, key))).collect();
        let imported: Vec<Vec<u8>> =
            imported_keys::table.filter(imported_keys::hash.eq_any(&hashes)).select(imported_keys::hash).load(conn)?;
        let imported: HashSet<Vec<u8>> = imported.into_iter().collect();
        let taken: Vec<KeyId> = api_keys::table.filter(api_keys::id.eq_any(ids)).select(api_keys::id).load(conn)?;
        let taken: HashSet<KeyId> = taken.into_iter().collect();
        let mut found = Vec::with_capacity(rows.len());
        for ((number, row), hash) in rows.into_iter().zip(hashes) {
            let one = match there.get(&hash) {
                // The value is from before a roll; the key's data of that time is unknown, so it isn't compared.
                Some((Some(_), _)) => Ok(ImportMatch::There),
                None if imported.contains(&hash) => Ok(ImportMatch::Gone),
                known => match self.place(conn, &row)? {
                    Err(fault) => Err(fault),
                    Ok((organization, creator)) => match known {
                        Some((None, key)) => row.ensure_same(creator, key).map(|()| ImportMatch::There),
                        _ if row.id.is_some_and(|id| taken.contains(&id)) => Err(LineFault::new(
                            Field::Id.name(),
                            "is that of another key here; leave it out, and the key gets a new one",
                        )),
                        _ => Ok(ImportMatch::New(Box::new(ImportedKey {
                            hash: row.hash,
                            key: row.into_key(organization, creator),
                        }))),
                    },
                },
            };
            found.push((number, one));
        }
        Ok(found)
    }

    /// Finds the row's organization and creator.
    fn place(
        &mut self,
        conn: &mut Conn,
        row: &ParsedRow,
    ) -> Result<Result<(OrganizationId, UserId), LineFault>, ApiError> {
        if self.workspaces.len() > REMEMBERED || self.creators.len() > REMEMBERED {
            self.workspaces.clear();
            self.creators.clear();
        }
        let workspace = row.workspace_id;
        let organization = match self.workspaces.get(&workspace) {
            Some(known) => *known,
            None => {
                let found = Workspace::find(conn, workspace)?.map(|workspace| workspace.organization_id);
                self.workspaces.insert(workspace, found);
                found
            }
        };
        let Some(organization) = organization else {
            let message = "there is no such workspace here; make it first, or say which is meant by --map OLD=NEW";
            return Ok(Err(LineFault::new(Field::WorkspaceId.name(), message)));
        };
        let mut reason = "is missing";
        for person in &row.creators {
            let who = if row.orphaned_at.is_some() {
                // An orphaned key's creator needs no role: only the record of the creator counts.
                exists(conn, person)?
            } else {
                match self.creators.get(&(workspace, person.clone())) {
                    Some(known) => *known,
                    None => {
                        let found = self.member(conn, organization, workspace, person)?;
                        self.creators.insert((workspace, person.clone()), found);
                        found
                    }
                }
            };
            match who {
                Ok(creator) => return Ok(Ok((organization, creator))),
                Err(why) => reason = why,
            }
        }
        Ok(Err(LineFault::new(Field::CreatedBy.name(), reason)))
    }

    /// Finds a user who may have keys in the workspace.
    fn member(
        &self,
        conn: &mut Conn,
        organization: OrganizationId,
        workspace: WorkspaceId,
        person: &Person,
    ) -> Result<Result<UserId, &'static str>, ApiError> {
        let user = match person {
            Person::Id(id) => *id,
            Person::Email(email) => {
                let members: Vec<UserId> = users::table
                    .inner_join(organization_members::table)
                    .filter(users::email.eq(email).and(organization_members::organization_id.eq(organization)))
                    .select(users::id)
                    .load(conn)?;
                match members[..] {
                    [only] => only,
                    [] => {
                        return Ok(Err(
                            "is no member of the workspace's organization; invite the person first, or name another",
                        ));
                    }
                    _ => return Ok(Err("is the address of several members; name one by id")),
                }
            }
        };
        let roles = Workspace::with_role_of(conn, &self.catalog, workspace, user)?;
        let may = roles.is_some_and(|(_, organization, role)| {
            self.least_role.admits(organization, self.catalog.standing(role.permissions))
        });
        Ok(may.then_some(user).ok_or(
            "is no member here who may create API keys in the workspace; invite the person, give it a role, or name another",
        ))
    }
}

fn exists(conn: &mut Conn, person: &Person) -> Result<Result<UserId, &'static str>, ApiError> {
    let ids: Vec<UserId> = match person {
        Person::Id(id) => users::table.find(id).select(users::id).load(conn)?,
        Person::Email(email) => users::table.filter(users::email.eq(email)).select(users::id).limit(2).load(conn)?,
    };
    Ok(match ids[..] {
        [only] => Ok(only),
        _ => Err("is nobody here, or several; name another"),
    })
}
