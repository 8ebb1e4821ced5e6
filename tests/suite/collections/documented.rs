//! Configured collections in the OpenAPI document.

use super::server;
use crate::support::{Backend, Server, tests};
use serde_json::json;

tests![
    configured_collections_are_in_the_document_with_their_schemas,
    a_schemas_references_lead_somewhere_in_the_document,
    without_collections_there_is_no_word_of_them,
];

async fn configured_collections_are_in_the_document_with_their_schemas(db: Backend) {
    let server = server(db).await;
    let document = server.get("/openapi.json").send().await.expect(200).body;
    let create = &document["paths"]["/v1/posts"]["post"];
    let sent = &create["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(sent["required"], json!(["post"]));
    assert_eq!(sent["properties"]["post"]["$ref"], "#/components/schemas/collections.posts");
    let schema = &document["components"]["schemas"]["collections.posts"];
    assert_eq!(schema["properties"]["status"]["enum"], json!(["draft", "live"]));
    assert_eq!(schema["additionalProperties"], false);
    let shown = &document["components"]["schemas"]["collections.posts.document"];
    assert!(["id", "title"].iter().all(|field| shown["required"].as_array().expect("a list").contains(&json!(field))));
    let list = &document["paths"]["/v1/workspaces/{workspaceId}/posts/{post}/remarks"]["get"]["parameters"];
    let names: Vec<_> =
        list.as_array().expect("parameters").iter().map(|parameter| parameter["name"].as_str()).collect();
    for name in ["workspaceId", "post", "pageSize", "cursor", "sort", "author"] {
        assert!(names.contains(&Some(name)), "{name} is not in {names:?}");
    }
    let statuses = document["paths"]["/v1/posts/{documentId}"]["put"]["responses"].as_object().expect("responses");
    assert!(["200", "404", "412", "413", "422"].iter().all(|status| statuses.contains_key(*status)), "{statuses:?}");
    let unknown = server.request("DELETE".parse().expect("a method"), "/v1/posts").send().await;
    assert_eq!(unknown.expect(401).status, 401);
}

async fn a_schemas_references_lead_somewhere_in_the_document(db: Backend) {
    let server = server(db).await;
    let text = server.get("/openapi.json").send().await.expect(200).text;
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut count = 0;
    for part in text.split("\"$ref\": \"#").skip(1) {
        let pointer = part.split('"').next().expect("the rest of the text");
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        count += 1;
    }
    assert!(text.contains("#/components/schemas/collections.posts.meta\"") && count > 50, "{count}");
}

async fn without_collections_there_is_no_word_of_them(db: Backend) {
    let server = Server::start(db).await;
    let text = server.get("/openapi.json").send().await.expect(200).text;
    assert!(!text.contains("ollections"));
    server.get("/v1/posts").send().await.expect(401);
}
