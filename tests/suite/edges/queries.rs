//! A query that is not understood is refused as a body is: with the parameter, and what it takes.

use crate::support::http::Answer;
use crate::support::{Backend, Server, Tenant, tests};

tests![each_wrong_parameter_is_named_with_what_it_takes];

/// Words of the framework and of Rust, which help no caller.
const FOREIGN: [&str; 8] =
    ["eserialize", "Query", "invalid digit", "invalid type", "newtype", "struct", "serde", "field `"];

fn detail(answer: &Answer) -> (String, String) {
    (answer.text_at("/error/details/0/field"), answer.text_at("/error/details/0/message"))
}

async fn each_wrong_parameter_is_named_with_what_it_takes(db: Backend) {
    let server = Server::start(db).await;
    let tenant = Tenant::new(&server).await;
    let events = tenant.organization_path("/audit-events");
    let (keys, usage) = (tenant.workspace_path("/api-keys"), tenant.workspace_path("/usage"));
    let members = tenant.workspace_path("/members");
    let removal = tenant.workspace_path(&format!("/members/{}", tenant.owner.user_id));
    let rows = [
        (&members, "limit=5", "limit", "pageSize, cursor"),
        (&keys, "limit=5", "limit", "unusedForDays"),
        (&keys, "pageSize=500", "pageSize", "1 to 100"),
        (&keys, "pageSize=5&pageSize=6", "pageSize", "more than once"),
        (&keys, "cursor=x", "cursor", "Start again"),
        (&keys, "unusedForDays=x", "unusedForDays", "1 to 3650"),
        (&events, "action=x", "action", "api_key.created"),
        (&events, "actor=x", "actor", "the id of"),
        (&events, "from=yesterday", "from", "RFC 3339"),
        (&events, "from=2026-01-01T00:00:00+05:30", "from", "%2B"),
        (&events, "to=2026-01-01T00:00:00%2005:30", "to", "%2B"),
        (&usage, "interval=week", "interval", "hour"),
        (&usage, "to=x", "to", "RFC 3339"),
        (&removal, "transferKeysTo=x", "transferKeysTo", "usr_"),
    ];
    for (path, query, field, takes) in rows {
        let method = if path == &removal { "DELETE" } else { "GET" };
        let request = server.request(method.parse().expect("a method"), &format!("{path}?{query}"));
        let refused = request.bearer(&tenant.owner.id_token).send().await.expect_error(400, "bad_request");
        let (named, message) = detail(&refused);
        assert_eq!(named, field, "{query}: {}", refused.text);
        assert!(message.contains(takes), "{query}: {}", refused.text);
        assert!(refused.text_at("/error/message").contains(field), "{query}: {}", refused.text);
        let foreign: Vec<_> = FOREIGN.iter().filter(|word| refused.text.contains(**word)).collect();
        assert!(foreign.is_empty(), "{query}: {foreign:?} in {}", refused.text);
    }
    let good = server.get(&format!("{events}?from=2026-01-01T00:00:00%2B05:30")).bearer(&tenant.owner.id_token);
    good.send().await.expect(200);
}
