//! Lists: `?pageSize=&cursor=`, newest first, `{"data":[…],"nextCursor":null|"…"}`.
//!
//! A cursor is the last row's id and a tag of its list, so that a cursor of another list or tenant is refused. The tag
//! is no secret and protects none: a forged cursor only names a position in a list that the caller may read.

use super::query::{parameters, query, repeated};
use crate::base::error::ApiError;
use crate::base::paging::Position;
use crate::base::text::number;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::future::{Ready, ready};
use std::str::FromStr;

const DEFAULT_SIZE: u16 = 20;
const MAX_SIZE: u16 = 100;
const TAG_LENGTH: usize = 8;
/// What a cursor is that the list did not make.
pub const FOREIGN_CURSOR: &str = "is not one of this list. Start again without a cursor";

/// The query of a list, as it was sent.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many things at most: 1 to 100, 20 if left out.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    page_size: Option<String>,
    /// Where to go on: the `nextCursor` of the page before.
    cursor: Option<String>,
}

/// The list that a cursor belongs to: its kind, and its owner.
#[derive(Clone, Copy, Debug)]
pub struct ListScope<'a>(pub &'static str, pub &'a str);

impl ListScope<'_> {
    fn tag(self, id: &str) -> [u8; TAG_LENGTH] {
        let digest = Sha256::new()
            .chain_update(self.0)
            .chain_update([0])
            .chain_update(self.1)
            .chain_update([0])
            .chain_update(id)
            .finalize();
        std::array::from_fn(|place| digest[place])
    }
}

impl PageQuery {
    /// Splits a query string into the page and all other parameters, in order.
    ///
    /// # Errors
    /// `bad_request` for a parameter of the page that comes twice.
    pub fn split(query: &str) -> Result<(Self, Vec<(String, String)>), ApiError> {
        let (mut page, mut others) = (Self::default(), Vec::new());
        for (name, value) in parameters(query) {
            let of_page = match name.as_str() {
                "pageSize" => &mut page.page_size,
                "cursor" => &mut page.cursor,
                _ => {
                    others.push((name, value));
                    continue;
                }
            };
            if of_page.replace(value).is_some() {
                return Err(repeated(&name));
            }
        }
        Ok((page, others))
    }

    /// Creates the page of a query that has other parameters too.
    pub fn new(page_size: Option<String>, cursor: Option<String>) -> Self {
        Self { page_size, cursor }
    }

    /// Checks the query, and returns the position in its list.
    ///
    /// # Errors
    /// `bad_request` for a page size out of bounds, and for a cursor of another list.
    pub fn position<Id: FromStr>(&self, scope: ListScope<'_>) -> Result<Position<Id>, ApiError> {
        let size = match &self.page_size {
            None => DEFAULT_SIZE,
            Some(text) => number(text).filter(|size| (1..=MAX_SIZE).contains(size)).ok_or_else(|| {
                ApiError::bad_parameter("pageSize", format!("must be an integer from 1 to {MAX_SIZE}"))
            })?,
        };
        let after = self.cursor.as_deref().map(|cursor| open(cursor, scope)).transpose()?;
        Ok(Position { size, after })
    }
}

fn open<Id: FromStr>(cursor: &str, scope: ListScope<'_>) -> Result<Id, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
    let (id, tag) = bytes.split_at_checked(bytes.len().saturating_sub(TAG_LENGTH)).unwrap_or_default();
    std::str::from_utf8(id)
        .ok()
        .filter(|id| tag == scope.tag(id))
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| ApiError::bad_parameter("cursor", FOREIGN_CURSOR))
}

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The things, newest first.
    pub(crate) data: Vec<T>,
    /// For the next page; null on the last one.
    #[schema(required)]
    pub(crate) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Creates the page from rows that were fetched with [`Position::limit`]; `id` is the id that the list is ordered
    /// by.
    pub fn new<Row, Id: ToString>(
        mut rows: Vec<Row>,
        position: &Position<Id>,
        scope: ListScope<'_>,
        id: impl Fn(&Row) -> Id,
        show: impl FnMut(Row) -> T,
    ) -> Self {
        let size = usize::from(position.size);
        let more = rows.len() > size;
        rows.truncate(size);
        let next_cursor = rows.last().filter(|_| more).map(|row| {
            let id = id(row).to_string();
            let tag = scope.tag(&id);
            URL_SAFE_NO_PAD.encode([id.as_bytes(), &tag].concat())
        });
        Self { data: rows.into_iter().map(show).collect(), next_cursor }
    }
}

impl FromRequest for PageQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(query(req))
    }
}
