//! The signing keys as certificates.

use super::forge::header_of;
use crate::support::tenant::User;
use crate::support::{Backend, Server, tests};

tests![every_node_publishes_the_same_certificate_of_each_key];

const PATH: &str = "/robot/v1/metadata/x509/securetoken@keyward";

async fn every_node_publishes_the_same_certificate_of_each_key(db: Backend) {
    let server = Server::start(db).await;
    let user = User::sign_up(&server).await;
    let answer = server.get(PATH).send().await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let id = header_of(&user.id_token)["kid"].as_str().expect("an id").to_owned();
    let certificate = answer.text_at(&format!("/{id}"));
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"), "{certificate}");
    let node = server.another(|_| {}).await;
    assert_eq!(node.get(PATH).send().await.expect(200).body, answer.body);
}
