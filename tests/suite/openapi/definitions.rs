//! `$defs` of collections' schemas are components of their own, by the collection's name.

use super::configure;
use crate::support::{Backend, Server, tests_once};
use serde_json::{Value, json};

tests_once![definitions_of_one_name_stay_apart, the_3_0_document_says_the_same_in_its_own_keywords];

async fn document(path: &str) -> Value {
    let server = Server::with(Backend::Sqlite, configure).await;
    server.get(path).send().await.expect(200).body
}

async fn definitions_of_one_name_stay_apart() {
    for path in ["/openapi.json", "/openapi-3.0.json"] {
        let document = document(path).await;
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["collections.posts.person"]["required"], json!(["name"]));
        assert_eq!(schemas["collections.invoices.person"]["required"], json!(["vatNumber"]));
        for (collection, field) in [("posts", "author"), ("invoices", "customer")] {
            for schema in [format!("collections.{collection}"), format!("collections.{collection}.document")] {
                let reference = &schemas[&schema]["properties"][field]["$ref"];
                assert_eq!(*reference, format!("#/components/schemas/collections.{collection}.person"), "{schema}");
            }
        }
        assert!(!document.to_string().contains("$defs"), "{path}");
    }
}

async fn the_3_0_document_says_the_same_in_its_own_keywords() {
    let (newer, older) = (document("/openapi.json").await, document("/openapi-3.0.json").await);
    let invoice = &older["components"]["schemas"]["collections.invoices"]["properties"];
    assert_eq!(invoice["total"], json!({ "type": "integer", "minimum": 0, "exclusiveMinimum": true }));
    assert_eq!(invoice["kind"], json!({ "enum": ["invoice"] }));
    assert_eq!(invoice["note"], json!({ "type": "string", "nullable": true, "example": "Thanks" }));
    let names = |document: &Value, pointer: &str| -> Vec<String> {
        document.pointer(pointer).and_then(Value::as_object).expect("an object").keys().cloned().collect()
    };
    for pointer in ["/paths", "/components/schemas", "/components/responses", "/components/securitySchemes"] {
        assert_eq!(names(&newer, pointer), names(&older, pointer), "{pointer}");
    }
}
