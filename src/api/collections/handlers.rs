//! The endpoints of every collection.

use super::extractor::document_id;
use super::wire::{DocumentView, etag, expected, is_known};
use crate::api::Idempotency;
use crate::api::State;
use crate::base::error::{ApiError, Code};
use crate::base::ids::DocumentId;
use crate::base::sql::Conn;
use crate::base::sql::JsonObject;
use crate::domain::collections::Collection;
use crate::domain::collections::Document;
use crate::domain::collections::body;
use crate::domain::collections::body::within;
use crate::domain::collections::listing::Selection;
use crate::domain::collections::schema::Accepted;
use crate::domain::collections::{CollectionAccess, Read, Write};
use crate::infra::http::{Body, ListScope, Page};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

/// `GET /posts`
pub async fn list(
    state: web::Data<State>,
    access: CollectionAccess<Read>,
    req: HttpRequest,
) -> Result<web::Json<Page<DocumentView>>, ApiError> {
    let parent = access.parent_id().map_or_else(String::new, |id| id.to_string());
    let owner = format!("{} {} {parent}", access.workspace_id(), access.collection().name);
    let (selection, page) = Selection::parse(access.collection(), &owner, req.query_string())?;
    let (owner, order) = (selection.scope().to_owned(), selection.order().clone());
    let scope = ListScope("documents", &owner);
    let position = page.position(scope)?;
    let listing = selection.at(position.clone())?;
    let rows = state.scoped_to(&access).read(move |conn| Document::page_of(conn, &access, listing)).await?;
    Ok(web::Json(Page::new(rows, &position, scope, |row| order.place_of(row), Into::into)))
}

/// `POST /posts`
pub async fn create(
    state: web::Data<State>,
    access: CollectionAccess<Write>,
    idempotency: Idempotency,
    sent: Body<()>,
) -> Result<HttpResponse, ApiError> {
    let (document, bytes) = body::read(sent, access.collection()).await?;
    let document = accept(access.collection(), document)?;
    let (claim, now) = (idempotency.claim(&bytes), state.clock.now());
    let outcome = state
        .scoped_to(&access)
        .write(move |conn| {
            let create = |conn: &mut Conn, id| Document::create(conn, &access, id, document, now);
            claim.run(conn, DocumentId::new(), now, create, |made| DocumentView::from(made.clone()))
        })
        .await?;
    let tag = etag(Document::FIRST_VERSION)?;
    let mut response = outcome.map(DocumentView::from).respond();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// `GET /posts/{documentId}`
pub async fn read(
    state: web::Data<State>,
    access: CollectionAccess<Read>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let id = document_id(&req)?;
    let row = state.scoped_to(&access).read(move |conn| Document::find(conn, &access, id)).await?;
    if is_known(&req, row.version)? {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, etag(row.version)?)).finish());
    }
    show(row)
}

/// `PUT /posts/{documentId}`
pub async fn replace(
    state: web::Data<State>,
    access: CollectionAccess<Write>,
    req: HttpRequest,
    sent: Body<()>,
) -> Result<HttpResponse, ApiError> {
    let (id, expected) = (document_id(&req)?, expected(&req)?);
    let (document, _) = body::read(sent, access.collection()).await?;
    let document = accept(access.collection(), document)?;
    let now = state.clock.now();
    let written = state
        .scoped_to(&access)
        .write(move |conn| Document::lock_expected(conn, &access, id, &expected)?.rewrite(conn, document, now));
    show(written.await?)
}

/// `PATCH /posts/{documentId}`: a merge patch, [RFC 7396](https://www.rfc-editor.org/rfc/rfc7396).
pub async fn change(
    state: web::Data<State>,
    access: CollectionAccess<Write>,
    req: HttpRequest,
    sent: Body<()>,
) -> Result<HttpResponse, ApiError> {
    let (id, expected) = (document_id(&req)?, expected(&req)?);
    let (patch, _) = body::read(sent, access.collection()).await?;
    let now = state.clock.now();
    let written = state.scoped_to(&access).write(move |conn| {
        let row = Document::lock_expected(conn, &access, id, &expected)?;
        let patched = accept(access.collection(), patched(row.body.clone(), patch))?;
        row.rewrite(conn, patched, now)
    });
    show(written.await?)
}

/// `DELETE /posts/{documentId}`
pub async fn delete(
    state: web::Data<State>,
    access: CollectionAccess<Write>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (id, expected) = (document_id(&req)?, expected(&req)?);
    state
        .scoped_to(&access)
        .write(move |conn| Document::lock_expected(conn, &access, id, &expected)?.delete(conn))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn show(row: Document) -> Result<HttpResponse, ApiError> {
    let tag = etag(row.version)?;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tag)).json(DocumentView::from(row)))
}

/// Checks a document against the collection's size limit and schema.
fn accept(collection: &Collection, document: JsonObject) -> Result<Accepted, ApiError> {
    let size = serde_json::to_vec(&document).map_err(ApiError::internal)?.len();
    if size > collection.max_bytes {
        let message = format!("The document is {size} bytes of JSON. It may have {} at most.", collection.max_bytes);
        return Err(ApiError::with_message(Code::BodyTooLarge, message));
    }
    collection.schema.check(document, &within(collection))
}

fn patched(document: JsonObject, patch: JsonObject) -> JsonObject {
    let mut value = Value::Object(document.0);
    json_patch::merge(&mut value, &Value::Object(patch.0));
    match value {
        Value::Object(document) => JsonObject(document),
        // Unreachable: an object merged into an object gives an object.
        _ => JsonObject(serde_json::Map::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Map;

    /// Objects of three levels with few names, so that patches meet existing fields.
    fn objects() -> impl Strategy<Value = Map<String, Value>> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,4}".prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[ab~/]{0,2}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        });
        proptest::collection::btree_map("[ab~/]{0,2}", value, 0..4).prop_map(|fields| fields.into_iter().collect())
    }

    /// The pseudo-code of RFC 7396, section 2, to the letter.
    fn merge_patch(target: Value, patch: &Value) -> Value {
        let Value::Object(patch) = patch else { return patch.clone() };
        let mut target = if let Value::Object(target) = target { target } else { Map::new() };
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                let old = target.remove(name).unwrap_or(Value::Null);
                target.insert(name.clone(), merge_patch(old, value));
            }
        }
        Value::Object(target)
    }

    proptest! {
        #[test]
        fn a_merge_patch_does_what_rfc_7396_says(document in objects(), patch in objects()) {
            let expected = merge_patch(Value::Object(document.clone()), &Value::Object(patch.clone()));
            let once = patched(JsonObject(document), JsonObject(patch.clone()));
            prop_assert_eq!(&Value::Object(once.0.clone()), &expected);
            prop_assert_eq!(patched(once.clone(), JsonObject(patch)), once);
        }
    }
}
