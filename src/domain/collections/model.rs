//! Rows of `documents`.

use super::access::{CollectionAccess, Read, Write};
use super::listing::{Listing, Order};
use super::schema::Accepted;
use crate::base::error::{ApiError, Code};
use crate::base::ids::{DocumentId, OrganizationId, WorkspaceId};
use crate::base::sql::schema::documents;
use crate::base::sql::{Columns, Conn, ForUpdate, JsonObject, MultiBackend};
use crate::base::time::Timestamp;
use crate::domain::tenancy::Workspace;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Bool;

/// A document of a tenant.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = documents)]
pub struct Document {
    pub id: DocumentId,
    pub organization_id: OrganizationId,
    pub workspace_id: WorkspaceId,
    /// The collection's name.
    pub collection: String,
    /// The parent document, in a nested collection.
    pub parent_id: Option<DocumentId>,
    /// The tenant's fields, without Keyward's own.
    pub body: JsonObject,
    /// How often the document was written, from 1.
    pub version: i64,
    /// The id of the key or the person.
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

type Boxed<'q> = documents::BoxedQuery<'q, MultiBackend>;

/// Selects the documents of a guard. The collection's name is a literal in the SQL, because only then the databases see
/// that its partial indexes fit.
fn of<I>(access: &CollectionAccess<I>) -> Boxed<'static> {
    let collection = access.collection();
    let query = documents::table
        .filter(documents::workspace_id.eq(access.workspace_id()))
        .filter(sql::<Bool>(&format!("collection = '{}'", collection.name)))
        .into_boxed();
    match access.parent_id() {
        Some(parent) => query.filter(documents::parent_id.eq(parent)),
        None => query,
    }
}

impl Document {
    /// The version of a new document.
    pub const FIRST_VERSION: i64 = 1;

    /// Returns a page of documents. In a nested collection, one more statement checks that the parent exists.
    ///
    /// # Errors
    /// `not_found` for a missing parent.
    pub fn page_of(conn: &mut Conn, access: &CollectionAccess<Read>, listing: Listing) -> Result<Vec<Self>, ApiError> {
        ensure_parent(conn, access)?;
        let dialect = conn.into();
        let Listing { filters, order, position } = listing;
        let mut query = of(access).select(Self::as_select()).limit(position.limit());
        for (field, value) in filters {
            query = query.filter(field.equals(dialect, value));
        }
        match order {
            Order::Created { descending } => {
                if let Some(after) = position.after {
                    query = match descending {
                        true => query.filter(documents::id.lt(after.id)),
                        false => query.filter(documents::id.gt(after.id)),
                    };
                }
                query = if descending { query.order(documents::id.desc()) } else { query.order(documents::id.asc()) };
            }
            Order::Field { field, descending } => {
                if let Some((value, id)) = position.after.and_then(|after| Some((after.key?, after.id))) {
                    query = query.filter(field.is_beyond(dialect, descending, value, id.to_string()));
                }
                let direction = if descending { "DESC" } else { "ASC" };
                query = query.order(sql::<Bool>(&format!("({}) {direction}, id {direction}", field.key(dialect))));
            }
        }
        Ok(query.load(conn)?)
    }

    /// Reads one document.
    ///
    /// # Errors
    /// `not_found`
    pub fn find<I>(conn: &mut Conn, access: &CollectionAccess<I>, id: DocumentId) -> Result<Self, ApiError> {
        Ok(of(access).filter(documents::id.eq(id)).select(Self::as_select()).first(conn)?)
    }

    /// Creates a document. With `max_documents`, creations in a workspace run one after another, and each counts the
    /// documents.
    ///
    /// # Errors
    /// `conflict` when the workspace has `max_documents`, `not_found` for a missing parent or workspace.
    pub fn create(
        conn: &mut Conn,
        access: &CollectionAccess<Write>,
        id: DocumentId,
        body: Accepted,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        ensure_parent(conn, access)?;
        ensure_room(conn, access)?;
        let row = Self {
            id,
            organization_id: access.organization_id(),
            workspace_id: access.workspace_id(),
            collection: access.collection().name.clone(),
            parent_id: access.parent_id(),
            body: body.into_object(),
            version: Self::FIRST_VERSION,
            created_by: access.caller_id().to_owned(),
            created_at: now,
            updated_at: now,
        };
        match diesel::insert_into(documents::table).values(&row).execute(conn) {
            // The workspace or the parent was deleted since the check.
            Err(DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => Err(ApiError::not_found()),
            done => done.map(|_| row).map_err(Into::into),
        }
    }

    /// Locks a document until the transaction ends, if it has an expected version.
    ///
    /// # Errors
    /// `not_found`, `precondition_failed`
    pub fn lock_expected(
        conn: &mut Conn,
        access: &CollectionAccess<Write>,
        id: DocumentId,
        expected: &Expected,
    ) -> Result<Self, ApiError> {
        let one = of(access).filter(documents::id.eq(id)).select(Self::as_select());
        let row: Self = ForUpdate(one).get_result(conn)?;
        if !expected.admits(row.version) {
            return Err(Code::PreconditionFailed.into());
        }
        Ok(row)
    }

    /// Replaces the body of a locked document.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rewrite(self, conn: &mut Conn, body: Accepted, now: Timestamp) -> Result<Self, ApiError> {
        Ok(diesel::update(documents::table.find(self.id))
            .set((
                documents::body.eq(body.into_object()),
                documents::version.eq(self.version + 1),
                documents::updated_at.eq(now),
            ))
            .returning(Self::columns())
            .get_result(conn)?)
    }

    /// Deletes a locked document and its child documents.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete(self, conn: &mut Conn) -> Result<(), ApiError> {
        diesel::delete(documents::table.find(self.id)).execute(conn)?;
        Ok(())
    }
}

/// The versions that a write is meant for, from `If-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    Any,
    OneOf(Vec<i64>),
}

impl Expected {
    fn admits(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

/// Checks that the path's parent document exists in the parent collection.
fn ensure_parent<I>(conn: &mut Conn, access: &CollectionAccess<I>) -> Result<(), ApiError> {
    let (Some(id), Some(collection)) = (access.parent_id(), &access.collection().parent) else { return Ok(()) };
    let one = documents::id
        .eq(id)
        .and(documents::workspace_id.eq(access.workspace_id()))
        .and(documents::collection.eq(collection));
    documents::table.filter(one).select(documents::id).first::<DocumentId>(conn)?;
    Ok(())
}

fn ensure_room(conn: &mut Conn, access: &CollectionAccess<Write>) -> Result<(), ApiError> {
    let collection = access.collection();
    let Some(most) = collection.max_documents else { return Ok(()) };
    Workspace::lock(conn, access.workspace_id())?;
    let all_of_workspace = documents::table
        .filter(documents::workspace_id.eq(access.workspace_id()))
        .filter(documents::collection.eq(&collection.name))
        .count();
    if all_of_workspace.get_result::<i64>(conn)? >= i64::from(most) {
        let message = format!(
            "The workspace has {most} {}, and may not have more. Delete some, then try again.",
            collection.name
        );
        return Err(ApiError::with_message(Code::Conflict, message));
    }
    Ok(())
}
