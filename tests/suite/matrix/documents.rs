//! The collections of the matrices' server, and documents for its tenants.

use crate::support::Tenant;
use serde_json::json;

/// A collection, and one whose documents belong to the first one's.
pub const COLLECTIONS: &str = r#"
    [articles]
    envelope = "article"
    filter_by = ["published", "views"]
    sort_by = ["title", "views"]

    [articles.schema]
    type = "object"
    required = ["title", "published", "views"]
    additionalProperties = false

    [articles.schema.properties]
    title = { type = "string", pattern = "^[a-z][a-z ]{1,39}$", maxLength = 40 }
    published = { type = "boolean" }
    views = { type = "integer", minimum = 0, maximum = 1000000 }

    [comments]
    path = "articles/{articleId}/comments"

    [comments.schema]
    type = "object"
    required = ["text"]
    additionalProperties = false

    [comments.schema.properties]
    text = { type = "string", pattern = "^[a-z][a-z ]{1,39}$", maxLength = 40 }
"#;

/// A document of the collection, by the owner; gives its id.
pub async fn add_article(tenant: &Tenant<'_>) -> String {
    let article = json!({ "article": { "title": "first", "published": true, "views": 1 } });
    tenant.add_document("/articles", article).await
}

/// A document that belongs to an article.
pub async fn add_comment(tenant: &Tenant<'_>, article: &str) -> String {
    tenant.add_document(&format!("/articles/{article}/comments"), json!({ "text": "first" })).await
}
