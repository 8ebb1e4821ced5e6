//! `deploy/`: what can't be started here is at least read, and agrees with the server.

use crate::support::tls_files::{Files, issue};
use crate::support::{Backend, Server, environment, tests_once};
use keyward::base::config::{RateLimitStore, Secret, Sources, StripeSettings, Tls, load};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

tests_once![
    alerts_and_dashboard_ask_only_for_metrics_labels_and_types_that_there_are,
    the_compose_file_has_two_equal_nodes_that_run_without_rights,
    kubernetes_probes_the_paths_that_there_are_and_runs_without_rights,
    the_unit_starts_stops_and_reloads_the_server_without_rights,
    the_image_runs_as_nobody_and_asks_for_its_own_health,
    settings_in_deployments_are_settings_that_there_are,
];

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents of a YAML file.
fn yaml(name: &str) -> Vec<Value> {
    let text = text(name);
    let documents = serde_norway::Deserializer::from_str(&text).map(|document| {
        let value: serde_norway::Value = serde::Deserialize::deserialize(document)?;
        // Compose's extensions and merges are YAML's own.
        let mut value = value;
        value.apply_merge()?;
        serde_norway::from_value::<Value>(value)
    });
    let documents: Result<Vec<Value>, _> = documents.collect();
    let mut documents = documents.unwrap_or_else(|error| panic!("{name}: {error}"));
    documents.retain(|document| !document.is_null());
    documents
}

/// All words of a text that start so.
fn words<'a>(text: &'a str, start: &'a str) -> BTreeSet<&'a str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_word(c)).filter(|word| word.starts_with(start)).collect()
}

/// All expressions of the alerts and of the dashboard.
fn expressions() -> Vec<String> {
    let mut found = Vec::new();
    let alerts = yaml("alerts.yml").remove(0);
    for group in alerts["groups"].as_array().expect("groups") {
        for rule in group["rules"].as_array().expect("rules") {
            for field in ["alert", "expr", "/annotations/summary", "/labels/severity"] {
                let value = if field.starts_with('/') { rule.pointer(field) } else { rule.get(field) };
                assert!(value.and_then(Value::as_str).is_some_and(|text| !text.is_empty()), "no {field} in {rule}");
            }
            found.push(rule["expr"].as_str().expect("a text").to_owned());
        }
    }
    let dashboard: Value = serde_json::from_str(&text("grafana.json")).expect("JSON");
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "two panels with one id: {panel}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            found.push(target["expr"].as_str().expect("a text").to_owned());
        }
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        found.extend(variable["query"]["query"].as_str().map(str::to_owned));
    }
    found
}

/// `label="…"` and `label=~"…"` in an expression, besides those of Prometheus itself.
fn labels(expression: &str) -> BTreeSet<&str> {
    let before_sign = expression.match_indices(['=', '!']).filter_map(|(at, _)| {
        let rest = expression[at..].trim_start_matches(['=', '!', '~']);
        let name = expression[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
        (rest.starts_with('"') && !name.is_empty()).then_some(name)
    });
    before_sign.filter(|name| !["job", "instance"].contains(name)).collect()
}

async fn alerts_and_dashboard_ask_only_for_metrics_labels_and_types_that_there_are() {
    let files = Files::new(&issue());
    let server = Server::with(Backend::Sqlite, |config| {
        config.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
        // What is only shown where it is configured.
        config.rate_limit.store = RateLimitStore::Redis("redis://127.0.0.1:1".into());
        config.server.tls = Some(Tls { certificate: files.certificate(), key: files.key(), hsts: String::new() });
        let webhook_secrets = vec!["whsec_aaaaaaaaaaaaaaaaaaaaaaaa".into()];
        config.billing.stripe =
            Some(StripeSettings { webhook_secrets: Secret::new(webhook_secrets), prices: BTreeMap::new() });
    })
    .await;
    let address = server.metrics_address().expect("a listener");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let request = client.get(format!("http://{address}/metrics")).header("connection", "close");
    let shown = request.send().await.expect("an answer").text().await.expect("a text");
    // What only `keyward serve` shows, since it belongs to the process: `traces` looks for it there.
    let of_the_process = ["keyward_log_lines_lost_total", "keyward_trace_spans_lost_total"];
    let mut series: BTreeSet<String> = of_the_process.map(str::to_owned).into();
    for line in shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        match kind {
            "counter" => _ = series.insert(format!("{name}_total")),
            "histogram" => series.extend(["_bucket", "_count", "_sum"].map(|end| format!("{name}{end}"))),
            _ => _ = series.insert(name.to_owned()),
        }
    }
    let known_labels =
        ["route", "method", "status", "credential", "code", "outcome", "reason", "state", "version", "le"];
    let expressions = expressions();
    assert!(expressions.len() > 25, "only {} expressions", expressions.len());
    for expression in &expressions {
        for name in words(expression, "keyward_") {
            assert!(series.contains(name), "{name} is not shown by the server: {expression}\n{series:?}");
        }
        for label in labels(expression) {
            assert!(known_labels.contains(&label), "there is no label {label}: {expression}");
        }
        let depth = |open, close| expression.matches(open).count() == expression.matches(close).count();
        assert!(depth('(', ')') && depth('{', '}') && depth('[', ']'), "brackets of {expression}");
    }
    // And the other way round: nothing that the server counts is missing on the dashboard.
    let asked = expressions.join("\n");
    for name in &series {
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        assert!(asked.contains(base.unwrap_or(name)), "{name} is on no panel and in no alert");
    }
}

async fn the_compose_file_has_two_equal_nodes_that_run_without_rights() {
    let compose = yaml("compose.yaml").remove(0);
    let services = &compose["services"];
    let names: Vec<&String> = services.as_object().expect("services").keys().collect();
    assert_eq!(names.len(), 5, "{names:?}");
    assert_eq!(services["keyward-1"], services["keyward-2"]);
    let node = &services["keyward-1"];
    assert_eq!((&node["read_only"], &node["cap_drop"][0]), (&Value::Bool(true), &Value::from("ALL")));
    let proxies = node["environment"]["KEYWARD__SERVER__TRUSTED_PROXIES"].as_str().expect("a text");
    let nginx = services["nginx"]["networks"]["keyward"]["ipv4_address"].as_str().expect("an address");
    assert_eq!(proxies, format!("[\"{nginx}/32\"]"));
    // The image's own user is PostgreSQL's superuser, whom row-level security does not stop.
    let superuser = services["postgres"]["environment"]["POSTGRES_USER"].as_str().expect("a user");
    let url = node["environment"]["DATABASE_URL"].as_str().expect("a URL");
    let role = url.strip_prefix("postgres://").and_then(|rest| rest.split(':').next()).expect("a role");
    assert!(role != superuser && text("compose.postgres.sh").contains(&format!("CREATE ROLE {role} LOGIN")), "{role}");
    let upstream = text("compose.nginx.conf");
    for server in ["keyward-1:8080", "keyward-2:8080"] {
        assert!(upstream.contains(server), "{server} is not in compose.nginx.conf");
    }
    for (name, service) in services.as_object().expect("services") {
        for needed in service["depends_on"].as_object().into_iter().flatten() {
            assert!(services.get(needed.0).is_some(), "{name} waits for {}", needed.0);
        }
    }
}

async fn kubernetes_probes_the_paths_that_there_are_and_runs_without_rights() {
    let documents = yaml("kubernetes.yaml");
    let kinds: Vec<&str> = documents.iter().filter_map(|document| document["kind"].as_str()).collect();
    assert_eq!(kinds, ["ConfigMap", "Deployment", "Service", "PodDisruptionBudget"]);
    let pod = &documents[1]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let server = Server::start(Backend::Sqlite).await;
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().expect("a path");
        server.get(path).send().await.expect(200);
    }
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
    let labels = &documents[1]["spec"]["template"]["metadata"]["labels"];
    for selector in [&documents[2]["spec"]["selector"], &documents[3]["spec"]["selector"]["matchLabels"]] {
        assert_eq!(selector, labels);
    }
    // The configuration in it loads.
    let file = environment::directory().join("kubernetes.toml");
    fs::write(&file, documents[0]["data"]["keyward.toml"].as_str().expect("a text")).expect("written");
    let config = load(&Sources { file: Some(file), ..Sources::default() }).unwrap_or_else(|error| panic!("{error}"));
    let ports = &container["ports"];
    assert_eq!(ports[0]["containerPort"], config.server.listen.port());
    assert_eq!(ports[1]["containerPort"], config.metrics.listen.expect("an address").port());
    let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("a number");
    let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().expect("a number");
    let drain = config.server.drain_pause.as_secs();
    assert!(grace >= pause + drain + config.server.shutdown_timeout.as_secs(), "a stop is cut short");
}

async fn the_unit_starts_stops_and_reloads_the_server_without_rights() {
    let unit = text("keyward.service");
    for line in [
        "ExecStart=/usr/local/bin/keyward serve --config /etc/keyward/keyward.toml",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "MemoryDenyWriteExecute=yes",
        "StateDirectoryMode=0700",
        "UMask=0077",
    ] {
        assert!(unit.lines().any(|there| there == line), "{line}");
    }
}

async fn the_image_runs_as_nobody_and_asks_for_its_own_health() {
    let file = text("Dockerfile");
    let last_stage = file.rsplit("\nFROM ").next().expect("a stage");
    for line in ["USER nonroot", "ENTRYPOINT [\"/usr/bin/keyward\"]", "CMD [\"serve\"]"] {
        assert!(last_stage.lines().any(|there| there == line), "{line} is not in the last stage");
    }
    assert!(last_stage.contains("CMD [\"/usr/bin/keyward\", \"healthcheck\"]"));
    // What the build copies is there, and is let through.
    let record_admitted = text("Dockerfile.dockerignore");
    for line in file.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--")) {
        for source in line.split(' ').rev().skip(1) {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(source).exists(), "there is no {source}");
            assert!(record_admitted.lines().any(|there| there == format!("!{source}")), "{source} is ignored");
        }
    }
    // What the code embeds is copied, and how it is compiled.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let embedded = std::fs::read_to_string(root.join("src/infra/db/migrations.rs")).expect("the migrations' code");
    let embedded = embedded.split("embed_migrations!(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let needed: Vec<&str> = embedded.chain([".cargo", "src", "config"]).collect();
    assert!(needed.len() >= 6, "{needed:?}");
    for folder in needed {
        // Itself, or a folder above it.
        let mut copied = Path::new(folder).ancestors().map(|folder| folder.display());
        let is_copied = copied.any(|folder| file.lines().any(|line| line == format!("COPY {folder} {folder}")));
        assert!(is_copied, "{folder} is not copied");
    }
}

async fn settings_in_deployments_are_settings_that_there_are() {
    let known = toml::to_string(&load(&Sources::default()).expect("the defaults")).expect("TOML");
    let known: toml::Table = toml::from_str(&known).expect("TOML");
    for file in ["Dockerfile", "compose.yaml", "kubernetes.yaml"] {
        for name in words(&text(file), "KEYWARD__") {
            let path = name.trim_start_matches("KEYWARD__").to_lowercase();
            let (section, key) = path.split_once("__").expect("a section and a key");
            // Has no default, and is not printed.
            if path != "identity__master_secret" {
                assert!(known[section].get(key).is_some(), "{file}: there is no {section}.{key}");
            }
        }
    }
}
