//! The OpenAPI documents, as other people's tools read them: [`validators`] accept them without a warning, [`clients`]
//! that generators make of them work against a running server, and collections' definitions stay apart ([`definitions`]).

mod clients;
mod definitions;
mod tools;
mod validators;

use crate::support::harness::Test;
use keyward::base::config::Config;

pub fn tests() -> Vec<Test> {
    [clients::tests_once(), definitions::tests_once(), validators::tests_once()].into_iter().flatten().collect()
}

/// Two collections whose definitions have one name and differ; one has an envelope, and keywords that OpenAPI 3.0 lacks.
const COLLECTIONS: &str = r##"
    [posts]
    filter_by = ["title"]
    sort_by = ["title"]

    [posts.schema]
    type = "object"
    required = ["title", "author"]
    additionalProperties = false
    properties = { title = { type = "string", maxLength = 100 }, author = { "$ref" = "#/$defs/person" } }

    [posts.schema."$defs".person]
    type = "object"
    required = ["name"]
    additionalProperties = false
    properties = { name = { type = "string" } }

    [invoices]
    envelope = "invoice"

    [invoices.schema]
    type = "object"
    required = ["customer", "total"]

    [invoices.schema.properties]
    customer = { "$ref" = "#/$defs/person" }
    total = { type = "integer", exclusiveMinimum = 0 }
    kind = { const = "invoice" }
    note = { type = ["string", "null"], examples = ["Thanks"] }

    [invoices.schema."$defs".person]
    type = "object"
    required = ["vatNumber"]
    properties = { vatNumber = { type = "string" }, country = { enum = ["DE", "FR"] } }
"##;

/// Configures everything that brings operations.
fn configure(config: &mut Config) {
    config.collections = toml::from_str(COLLECTIONS).expect("good configuration");
    crate::billing::stripe::configure(config);
}
