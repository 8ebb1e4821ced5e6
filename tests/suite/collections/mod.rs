//! Resources that configuration declares: what a program and a person do with documents ([`documents`]), lists of them
//! ([`lists`]), numbers of any size ([`numbers`]), lost updates ([`conditions`]), what is refused ([`schemas`],
//! [`limits`]), what the start looks at ([`start_up`]), and what the document and the page show ([`documented`]). Roles
//! and tenants are in `matrix`.

mod conditions;
mod documented;
mod documents;
mod limits;
mod lists;
mod numbers;
mod schemas;
mod start_up;

use crate::support::harness::Test;
use crate::support::tenant::Key;
use crate::support::{Backend, Server, Tenant};
use keyward::base::config::Config;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    [
        conditions::tests(),
        documented::tests(),
        documents::tests(),
        limits::tests(),
        lists::tests(),
        numbers::tests(),
        schemas::tests(),
        start_up::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A blog: notes without a schema, posts with one, and remarks on posts.
const BLOG: &str = r##"
    [notes]

    [posts]
    envelope = "post"
    filter_by = ["status", "meta.pinned", "rank", "meta.slug"]
    sort_by = ["title", "rank", "meta.pinned"]

    [posts.schema]
    type = "object"
    required = ["title"]
    additionalProperties = false

    [posts.schema.properties]
    title = { type = "string", minLength = 1 }
    status = { enum = ["draft", "live"], type = "string" }
    rank = { type = ["number", "null"] }
    tags = { type = "array", items = { type = "string", pattern = "^[a-z]+$" } }
    meta = { "$ref" = "#/$defs/meta" }

    [posts.schema."$defs".meta]
    type = "object"

    [posts.schema."$defs".meta.properties]
    pinned = { type = "boolean" }
    slug = { type = "string" }

    [remarks]
    path = "posts/{post}/remarks"
    filter_by = ["author"]
    sort_by = ["author"]

    [remarks.schema]
    type = "object"
    properties = { author = { type = "string" } }
"##;

fn blog(config: &mut Config) {
    config.collections = toml::from_str(BLOG).expect("good configuration");
}

async fn server(db: Backend) -> Server {
    Server::with(db, blog).await
}

/// A tenant, and a key of its owner.
async fn tenant_with_key(server: &Server) -> (Tenant<'_>, Key) {
    let tenant = Tenant::new(server).await;
    let key = tenant.create_key(&tenant.owner, json!({})).await;
    (tenant, key)
}
