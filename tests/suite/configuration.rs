//! Configuration and the command line: what is wrong is named, and stops the start.

use crate::support::database::TestDatabase;
use crate::support::{environment, process, tests_once};
use std::io::Write;
use std::process::Output;
use std::sync::Arc;
use tempfile::NamedTempFile;

tests_once![
    the_defaults_are_printed_and_good,
    what_is_wrong_is_named_with_its_place_and_stops_the_start,
    later_layers_win,
    every_preset_loads_and_says_what_its_contract_documents,
    secrets_are_not_printed,
    the_committed_documents_are_those_served,
    the_demo_tries_a_configuration_and_leaves_its_database_alone,
];

fn file(toml: &str) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix_in(".toml", environment::directory()).expect("a file");
    file.write_all(toml.as_bytes()).expect("written");
    file
}

async fn check(toml: &str, variables: &[(&str, &str)]) -> Output {
    let file = file(toml);
    let mut command = process::command(&["config", "check", "--config", file.path().to_str().expect("a path")]);
    command.envs(variables.iter().copied());
    process::output(command).await
}

async fn printed(toml: &str, variables: &[(&str, &str)]) -> String {
    let output = check(toml, variables).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

async fn the_defaults_are_printed_and_good() {
    let text = printed("", &[]).await;
    for line in ["listen = \"127.0.0.1:8080\"", "prefix = \"sk_live_\"", "style = \"envelope\"", "trial_days = 14"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    // What is printed is itself a configuration, and the same one.
    assert_eq!(printed(&text, &[]).await, text);
}

async fn what_is_wrong_is_named_with_its_place_and_stops_the_start() {
    /// A file, environment variables, and what the message must have.
    type Row = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);
    let rows: [Row; 53] = [
        ("[billing.stripe]\nwebhook_secrets = []", &[], &["billing.stripe.webhook_secrets", "at least one"]),
        ("[billing.stripe]\nwebhook_secrets = [\"sk_live_1\"]", &[], &["billing.stripe.webhook_secrets", "whsec_"]),
        (
            "[billing.stripe]\nwebhook_secrets = [\"whsec_aaaaaaaaaaaaaaaaaaaaaaaa\"]\nprices = { price_1 = \"gold\" }",
            &[],
            &["billing.stripe.prices.price_1", "gold", "free, pro"],
        ),
        ("[billing]\npast_due_grace = \"soon\"", &[], &["billing.past_due_grace", "soon"]),
        ("[billing]\npast_due_grace = \"36501d\"", &[], &["billing.past_due_grace", "at most 36500d"]),
        ("[billing.pause_collection]\nvoid = \"free\"", &[], &["billing.pause_collection.void", "free", "refuse"]),
        (
            "[server]\ncors_origins = [\"https://a.example:443\"]",
            &[],
            &["server.cors_origins", "browsers leave the default port out", "https://a.example"],
        ),
        ("[server]\ncors_origins = [\"https://a.example/x\"]", &[], &["server.cors_origins", "without a path"]),
        ("[server]\ncors_origins = [\"https://a.*.example\"]", &[], &["server.cors_origins", "https://*.example.com"]),
        ("[server]\ncors_headers = [\"X Trace\"]", &[], &["server.cors_headers", "X Trace", "X-Trace-Id"]),
        ("[server]\nlissten = \"x\"", &[], &[".toml", "server.lissten", "listen"]),
        ("[servers]\nlisten = \"x\"", &[], &[".toml", "servers", "server"]),
        ("server = [\"x\"]", &[], &[".toml", "server", "must be a section, not a list"]),
        ("", &[("KEYWARD__SERVER", "x")], &["environment", "KEYWARD__SERVER", "must be a section, not a text"]),
        ("[server]\nlisten = \"nowhere\"", &[], &[".toml", "server.listen", "socket address"]),
        ("[server]\nheader_timeout = \"0s\"", &[], &["header_timeout", "above 0"]),
        ("[server]\nrequest_timeout = \"soon\"", &[], &["server.request_timeout", "soon", "ms, s, m, h or d"]),
        (
            "[server]\ntrusted_proxies = [\"::ffff:10.0.0.0/8\"]",
            &[],
            &["server.trusted_proxies", "::ffff:10.0.0.0/8", "an IPv4 block, such as 10.0.0.0/24"],
        ),
        ("[server]\ntrusted_proxies = [\"fe80::1%eth0\"]", &[], &["server.trusted_proxies", "fe80::1%eth0", "zone"]),
        (
            "[server]\nforwarded_header = \"X-Real-IP\"",
            &[],
            &["server.forwarded_header", "X-Real-IP", "X-Forwarded-For", "Forwarded"],
        ),
        ("[server]\nbase_path = \"v1/\"", &[], &["server.base_path", "v1/", "/api/v1"]),
        ("[server", &[], &[".toml"]),
        ("[keys]\nbody = \"base64\"", &[], &["keys.body", "base64", "base62"]),
        ("[keys]\nlength = 8", &[], &["keys.length", "8", "128 bits"]),
        ("[keys]\nprefix = \"s k\"", &[], &["keys.prefix", "s k", "letters"]),
        ("[keys]\nscopes = []", &[], &["keys.scopes", "full"]),
        ("[errors]\nstyle = \"fancy\"", &[], &["errors.style", "fancy", "envelope"]),
        (
            "[identity]\nissuers = [{ audience = \"a\" }]",
            &[],
            &["identity.issuers", "either firebase_project or issuer"],
        ),
        (
            "[identity]\nissuers = [{ firebase_project = \"a\", audience = \"a\" }]",
            &[],
            &["identity.issuers", "only be jwks_url"],
        ),
        ("[identity]\nissuers = [{ issuer = \"http://a.b\", audience = \"a\" }]", &[], &["http://a.b", "https://"]),
        ("[identity]\nissuers = [{ issuer = \"https://a.b\" }]", &[], &["https://a.b", "authorized_parties"]),
        (
            "[identity]\nissuers = [{ issuer = \"https://a.b\", audience = \"a\", algorithms = [\"HS256\"] }]",
            &[],
            &["https://a.b", "HS256", "shared secret"],
        ),
        (
            "[identity]\nissuers = [{ issuer = \"https://a.b\", audience = \"a\", algorithms = [\"none\"] }]",
            &[],
            &["identity.issuers", "none"],
        ),
        (
            "[identity]\nissuers = [{ issuer = \"https://a.b\", audience = \"a\", jwks_url = \"http://a.b\" }]",
            &[],
            &["jwks_url", "http://a.b", "https://"],
        ),
        (
            "[identity]\nissuers = [{ firebase_project = \"a\" }, { firebase_project = \"a\" }]",
            &[],
            &["identity.issuers", "twice"],
        ),
        (
            "[identity]\nissuers = [{ issuer = \"http://localhost:8080/keyward\", audience = \"a\" }]",
            &[],
            &["identity.issuers", "built-in provider's own name"],
        ),
        ("[identity.limits]\nfailures_per_account = 0", &[], &["identity.limits", "more than 0"]),
        ("[rate_limit]\nstore = \"redis\"", &[], &["rate_limit.store", "redis://"]),
        ("[rate_limit]\nwhen_unavailable = \"wait\"", &[], &["rate_limit.when_unavailable", "wait", "deny"]),
        ("[rate_limit]\ntimeout = \"1m\"", &[], &["rate_limit.timeout", "60s", "5s"]),
        ("[plans.free]\nburst = 0", &[], &["plans.free", "burst", "must be 1 to"]),
        ("[plans.free]\nworkspace_burst = 99", &[], &["plans.free", "workspace_burst: 99", "one key", "100"]),
        ("[traces]\notlp_endpoint = \"collector:4318\"", &[], &["traces.otlp_endpoint", "http://HOST:4318"]),
        ("[traces]\notlp_endpoint = \"\"", &[], &["traces.otlp_endpoint", "http://HOST:4318"]),
        ("[traces]\notlp_endpoint = \"http://a.b/v1/traces\"", &[], &["traces.otlp_endpoint", "without /v1/traces"]),
        ("[traces]\notlp_endpoint = \"https://a:b@c.d\"", &[], &["traces.otlp_endpoint", "traces.headers"]),
        ("[traces]\nheaders = { \"a b\" = \"c\" }", &[], &["traces.headers", "letters"]),
        ("[traces]\nheaders = { a = \"b\\nc\" }", &[], &["traces.headers.a"]),
        ("[traces]\nsample_ratio = 1.5", &[], &["traces.sample_ratio", "1.5", "0 to 1"]),
        ("[traces]\nservice_name = \"\"", &[], &["traces.service_name", "empty"]),
        ("preset = \"sokku\"", &[], &["preset", "sokku", "soku"]),
        ("", &[("KEYWARD__SERVER__WORKERS", "many")], &["environment", "KEYWARD__SERVER__WORKERS", "many"]),
        ("", &[("DATABASE_URL", "host=localhost")], &["DATABASE_URL: database.url", "postgres://", "sqlite://"]),
    ];
    for (toml, variables, expected) in rows {
        let output = check(toml, variables).await;
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{toml:?} {variables:?} was taken");
        for part in expected {
            assert!(message.to_lowercase().contains(&part.to_lowercase()), "{part:?} is not in {message:?}");
        }
    }
    let missing = process::output(process::command(&["serve", "--config", "no-such-file.toml"])).await;
    assert!(!missing.status.success() && String::from_utf8_lossy(&missing.stderr).contains("no-such-file.toml"));
}

async fn later_layers_win() {
    let toml = "preset = \"sotion\"\n[keys]\nprefix = \"file_\"\n[server]\nworkers = 3";
    let text = printed(toml, &[("KEYWARD__SERVER__WORKERS", "4"), ("KEYWARD__KEYS__SCOPES", "[\"read_only\"]")]).await;
    for line in ["prefix = \"file_\"", "workers = 4", "scopes = [\"read_only\"]", "style = \"flat\"", "length = 26"] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

async fn every_preset_loads_and_says_what_its_contract_documents() {
    let rows: [(&str, &[&str]); 4] = [
        ("sotion", &["prefix = \"so_\"", "base_path = \"/v1\"", "style = \"flat\"", "min_creator_role = \"admin\""]),
        ("soku", &["prefix = \"sk_live_\"", "\"soku-api-key\"", "style = \"envelope\"", "enforce = true"]),
        ("socifyr", &["prefix = \"sk_\"", "body = \"hex\"", "base_path = \"/api\"", "manage_with_keys = true"]),
        (
            "siteplot",
            &["base_path = \"/api/v1\"", "style = \"titled\"", "scopes = [\"read_only\"]", "\"organization_admin\""],
        ),
    ];
    for (name, lines) in rows {
        let text = printed("", &[("KEYWARD__PRESET", name)]).await;
        for line in lines {
            assert!(text.contains(line), "{name}: {line} in {text}");
        }
    }
}

async fn secrets_are_not_printed() {
    let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let quoted = format!("\"{secret}\"");
    let url = "postgres://keyward:hunter2hunter2@db.example/keyward?password=hunter2hunter2";
    let redis = "redis://:hunter2hunter2@redis.example:6379";
    let variables =
        [("KEYWARD__IDENTITY__MASTER_SECRET", &*quoted), ("DATABASE_URL", url), ("KEYWARD__RATE_LIMIT__STORE", redis)];
    let stripe = "[billing.stripe]\nwebhook_secrets = [\"whsec_hunter2hunter2hunter2\"]\nprices = { price_1 = \"pro\" }\n\
         [traces]\nheaders = { authorization = \"Bearer hunter2\" }";
    let text = printed(stripe, &variables).await;
    assert!(text.contains("authorization = \"[redacted]\""), "{text}");
    assert!(text.contains("price_1 = \"pro\""), "{text}");
    assert!(!text.contains(secret) && !text.contains("hunter2"), "{text}");
    assert!(text.contains("[redacted]") && text.contains("postgres://keyward@db.example/keyward"), "{text}");
    assert!(text.contains("redis://@redis.example:6379"), "{text}");
}

async fn the_committed_documents_are_those_served() {
    for (version, name) in [("3.1", "keyward.json"), ("3.0", "keyward-3.0.json")] {
        let committed = format!("{}/openapi/{name}", env!("CARGO_MANIFEST_DIR"));
        let arguments = ["openapi", "--version", version, "--check", "--file", &committed];
        let output = process::output(process::command(&arguments)).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

async fn the_demo_tries_a_configuration_and_leaves_its_database_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let real = folder.path().join("real.db");
    let toml = format!("preset = \"socifyr\"\n[database]\nurl = \"sqlite://{}\"", real.display());
    let file = file(&toml);
    let mut command = process::command(&["demo", "--listen", "127.0.0.1:0", "--config"]);
    command.arg(file.path()).env("DATABASE_URL", format!("sqlite://{}", real.display())).current_dir(folder.path());
    command.env("KEYWARD__LOG__FORMAT", "json").env("KEYWARD__LOG__FILTER", "info");
    let database = Arc::new(TestDatabase::elsewhere(format!("sqlite://{}", real.display())));
    let demo = process::Keyward::start(command, database).await;
    // The preset's base path, and a collection of its own.
    demo.get("/api/connections").send().await.expect(401);
    demo.get("/v1/whoami").send().await.expect(404);
    // It has a database of its own: not the one of the demo without a configuration.
    let data = std::fs::read_dir(folder.path().join("data")).expect("a folder");
    let names: Vec<String> = data.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect();
    assert!(names.iter().any(|name| name.starts_with("demo-") && name.ends_with(".db")), "{names:?}");
    assert!(!names.contains(&"keyward.db".to_owned()) && !real.exists(), "{names:?}");
}
