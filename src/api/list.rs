//! The answer of a list.

use crate::base::error::ApiError;
use crate::base::paging::Position;
use crate::base::sql::Conn;
use crate::domain::changes::ScopedStore;
use crate::infra::http::{ListScope, Page, PageQuery};
use std::str::FromStr;

/// Reads a page of rows, and converts each by `show`. The list is ordered by `id`, which its cursors hold.
///
/// # Errors
/// `bad_request` for a page size out of bounds and a cursor of another list, and those of `read`.
pub(crate) async fn list_page<Row, Id, T>(
    store: ScopedStore,
    query: &PageQuery,
    scope: ListScope<'_>,
    read: impl FnOnce(&mut Conn, Position<Id>) -> Result<Vec<Row>, ApiError> + Send + 'static,
    id: impl Fn(&Row) -> Id,
    show: impl FnMut(Row) -> T,
) -> Result<Page<T>, ApiError>
where
    Row: Send + 'static,
    Id: FromStr + ToString + Copy + Send + 'static,
{
    let position = query.position(scope)?;
    let rows = store.read(move |conn| read(conn, position)).await?;
    Ok(Page::new(rows, &position, scope, id, show))
}
