//! The worked example of `docs/guides/permissions.md`, run as it is printed.

use crate::support::tenant::service_token;
use crate::support::{Backend, Server, Tenant, process, tests};
use std::process::Command;

tests![the_worked_example_of_the_guide_does_what_it_says];

const GUIDE: &str = include_str!("../../../docs/guides/permissions.md");

/// The text of the blocks of one language, one after the other.
fn blocks(text: &str, language: &str) -> String {
    let start = format!("```{language}\n");
    text.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

async fn the_worked_example_of_the_guide_does_what_it_says(db: Backend) {
    let server = Server::with(db, |config| {
        let table: toml::Table = toml::from_str(&blocks(GUIDE, "toml")).expect("TOML");
        config.permissions = table["permissions"].clone().try_into().expect("permissions");
    })
    .await;
    let tenant = Tenant::new(&server).await;
    let clerk = tenant.add_to_workspace("viewer").await;
    let mut shell = Command::new("sh");
    shell.arg("-euc").arg(blocks(GUIDE, "sh")).env("no_proxy", "*");
    shell.envs([
        ("KEYWARD", server.url("").as_str()),
        ("OWNER", &tenant.owner.id_token),
        ("ORGANIZATION", &tenant.organization_id),
        ("WORKSPACE", &tenant.workspace_id),
        ("GATEWAY", &service_token(&server.database).await),
        ("CLERK", &clerk.user_id),
        ("CLERK_TOKEN", &clerk.id_token),
    ]);
    let output = process::output(shell).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    let is_code = |word: &&str| ["VALID", "INSUFFICIENT_PERMISSION"].contains(word);
    let codes: Vec<&str> = printed.split([' ', '\n', '}']).filter(is_code).collect();
    assert_eq!(codes, ["VALID", "INSUFFICIENT_PERMISSION", "INSUFFICIENT_PERMISSION"], "{printed}");
}
