//! Numbers of any size: kept, found and ordered by their exact value, or refused.

use super::tenant_with_key;
use crate::cluster::random::Random;
use crate::support::dump::{assert_unchanged, dump};
use crate::support::http::Answer;
use crate::support::tenant::Key;
use crate::support::{Backend, Server, tests};
use serde_json::Value;
use std::cmp::Ordering;

tests![
    neighbours_above_2_53_are_different_numbers,
    numbers_are_kept_found_and_ordered_as_the_model_says,
    a_number_that_would_be_rounded_is_refused_at_its_place,
    an_integer_beyond_64_bits_needs_a_schema_that_says_number,
    a_filter_that_no_document_can_have_is_refused,
    a_patch_keeps_the_numbers_that_it_does_not_name,
];

/// Repeats the choices of a run.
const SEED: &str = "KEYWARD_SUITE_SEED";

const READINGS: &str = r#"
    [readings]
    envelope = "reading"
    filter_by = ["count", "weight"]
    sort_by = ["count", "weight"]

    [readings.schema]
    type = "object"

    [readings.schema.properties]
    count = { type = "integer" }
    weight = { type = ["number", "null"] }
    exactly = { enum = [9007199254740992, 9007199254740994] }
    most = { maximum = 9007199254740992 }

    [notes]
"#;

async fn server(db: Backend) -> Server {
    Server::with(db, |config| {
        config.collections = toml::from_str(READINGS).expect("good configuration");
        let plan = config.plans.get_mut("free").expect("there is a free plan");
        (plan.requests_per_minute, plan.burst) = (1_000_000, 100_000);
    })
    .await
}

/// Sends a body as it is written: the client's own JSON may round.
async fn send(server: &Server, key: &Key, method: &str, path: &str, body: &str) -> Answer {
    let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let request = server.request(method.parse().expect("a method"), path).bearer(&key.plaintext);
    request.header("content-type", kind).body(body.to_owned()).send().await
}

async fn add(server: &Server, key: &Key, fields: &str) -> String {
    let body = format!(r#"{{"reading":{{{fields}}}}}"#);
    send(server, key, "POST", "/v1/readings", &body).await.expect(201).text_at("/id")
}

/// The ids on all pages of a list.
async fn ids(server: &Server, key: &Key, query: &str, size: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/readings?pageSize={size}&{query}{cursor}");
        let page = server.get(&path).bearer(&key.plaintext).send().await.expect(200);
        let found = page["data"].as_array().expect("a list").iter();
        ids.extend(found.map(|reading| reading["id"].as_str().expect("an id").to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
        assert!(ids.len() < 1_000, "{query} by {size} has no end");
    }
}

/// A field of an answer as it is written there.
fn written(answer: &Answer, field: &str) -> String {
    let start = format!("\"{field}\":");
    let (_, rest) = answer.text.split_once(&start).unwrap_or_else(|| panic!("no {field} in {}", answer.text));
    rest.chars().take_while(|c| c.is_ascii_digit() || "+-.eE".contains(*c)).collect()
}

async fn neighbours_above_2_53_are_different_numbers(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let texts = [
        "844197938335842304",
        "844197938335842305",
        "844197938335842306",
        "9007199254740992",
        "9007199254740993",
        "9223372036854775806",
        "9223372036854775807",
        "9223372036854775808",
        "9223372036854775809",
        "18446744073709551614",
        "18446744073709551615",
        "-9223372036854775807",
        "-9223372036854775808",
    ];
    for text in texts {
        let id = add(&server, &key, &format!(r#""count":{text},"weight":{text}"#)).await;
        let read = server.get(&format!("/v1/readings/{id}")).bearer(&key.plaintext).send().await.expect(200);
        assert_eq!((written(&read, "count").as_str(), written(&read, "weight").as_str()), (text, text));
        for field in ["count", "weight"] {
            assert_eq!(ids(&server, &key, &format!("{field}={text}"), 20).await, [&*id], "{field}={text}");
        }
    }
}

/// The value of a text: an integer, or a decimal that is no integer of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    Integer(i128),
    Decimal(f64),
}

impl Model {
    fn of(text: &str) -> Self {
        match Self::integer(text) {
            Some(integer) => Self::Integer(integer),
            None => Self::Decimal(text.parse().expect("a number")),
        }
    }

    /// The integer of 64 bits that the text is, in any notation.
    fn integer(text: &str) -> Option<i128> {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let exponent: i64 = exponent.parse().expect("an exponent");
        let zeros = usize::try_from(exponent - i64::try_from(fraction.len()).expect("a short text")).ok()?;
        let digits = format!("{whole}{fraction}");
        let all = if zeros > 20 { return None } else { digits + &"0".repeat(zeros) };
        all.parse().ok().filter(|integer| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(integer))
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(two)) => one.cmp(&two),
            (Self::Decimal(one), Self::Decimal(two)) => one.partial_cmp(&two).expect("numbers"),
            // A decimal with a fraction is below 2^53, where each integer is a double. The others are beyond 64 bits.
            #[expect(clippy::cast_precision_loss, reason = "only where the other number is far away")]
            (Self::Integer(one), Self::Decimal(two)) => {
                let is_below = if two > 0.0 { Ordering::Less } else { Ordering::Greater };
                (one as f64).partial_cmp(&two).expect("numbers").then(is_below)
            }
            (Self::Decimal(_), Self::Integer(_)) => other.compare(self).reverse(),
        }
    }
}

/// A number's text, near the edges of doubles and of integers.
fn text(random: &mut Random) -> String {
    let near = |random: &mut Random, centre: i128| (centre + i128::from(random.below(5)) - 2).to_string();
    match random.below(8) {
        0 => near(random, 1 << 53),
        1 => near(random, -(1 << 53)),
        2 => near(random, 844_197_938_335_842_304),
        3 => near(random, (1 << 63) - 2),
        4 => near(random, (1 << 64) - 3),
        5 => near(random, -(1 << 63) + 2),
        6 => near(random, 0),
        _ => {
            let double = loop {
                let double = f64::from_bits(random.below(u64::MAX));
                if double.is_finite() {
                    break double;
                }
            };
            let few =
                ["0.1", "0.30000000000000004", "0.3", "2.5", "-2.5", "1e20", "1e300", "5e-324", "1e-300", "-1e20"];
            if random.below(2) == 0 { format!("{double:e}") } else { few[random.index(few.len())].to_owned() }
        }
    }
}

async fn numbers_are_kept_found_and_ordered_as_the_model_says(db: Backend) {
    let seed: u64 = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("numbers of documents: {SEED}={seed} repeats the choices");
    let mut random = Random::new(seed);
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    // In the order of creation, by which equal ones are ordered.
    let mut all: Vec<(String, Option<Model>)> = Vec::new();
    let mut texts = Vec::new();
    for _ in 0..70 {
        let text = text(&mut random);
        let id = add(&server, &key, &format!(r#""weight":{text}"#)).await;
        let read = server.get(&format!("/v1/readings/{id}")).bearer(&key.plaintext).send().await.expect(200);
        assert_eq!(Model::of(&written(&read, "weight")), Model::of(&text), "{text}: {}", read.text);
        all.push((id, Some(Model::of(&text))));
        texts.push(text);
    }
    for nothing in ["", r#""weight":null"#] {
        all.push((add(&server, &key, nothing).await, None));
    }
    for text in texts {
        let value = Some(Model::of(&text));
        let same: Vec<&str> = all.iter().rev().filter(|(_, other)| *other == value).map(|(id, _)| &**id).collect();
        let found = ids(&server, &key, &format!("weight={}", text.replace('+', "%2B")), 1 + random.index(20)).await;
        assert_eq!(found, same, "{text}");
    }
    let mut ordered: Vec<&(String, Option<Model>)> = all.iter().collect();
    ordered.sort_by(|(_, one), (_, two)| match (one, two) {
        (Some(one), Some(two)) => one.compare(*two),
        _ => one.is_some().cmp(&two.is_some()),
    });
    let ordered: Vec<&str> = ordered.into_iter().map(|(id, _)| &**id).collect();
    for size in [1, 3, 100] {
        let ascending = ids(&server, &key, "sort=weight", size).await;
        assert_eq!(ascending, ordered, "by {size}");
        let descending = ids(&server, &key, "sort=-weight", size).await;
        assert!(descending.iter().eq(ordered.iter().rev()), "descending by {size}: {descending:?}");
    }
}

async fn refused(server: &Server, key: &Key, path: &str, body: &str, field: &str, word: &str) {
    for method in ["POST", "PUT", "PATCH"] {
        let is_new = method == "POST";
        let path = if is_new { path.rsplit_once('/').expect("a path").0 } else { path };
        let answer = send(server, key, method, path, body).await.expect_error(422, "validation_failed");
        assert_eq!(answer["error"]["details"][0]["field"], field, "{method} {body}: {}", answer.text);
        let message = answer.text_at("/error/details/0/message");
        assert!(message.contains(word), "{method} {body}: {message}");
    }
}

async fn a_number_that_would_be_rounded_is_refused_at_its_place(db: Backend) {
    let server = server(db).await;
    let (tenant, key) = tenant_with_key(&server).await;
    let reading = format!("/v1/readings/{}", add(&server, &key, r#""weight":1"#).await);
    let note = tenant.add_document("/notes", serde_json::json!({ "n": 1 })).await;
    let before = dump(&server.database);
    for (number, word) in [
        ("1e400", "exactly"),
        ("-1e400", "exactly"),
        ("1e-400", "exactly"),
        ("0.1000000000000000055511151231257827", "exactly"),
        ("3.14159265358979323846264338327950288", "exactly"),
        ("9007199254740992.5", "exactly"),
        ("18446744073709551616", "64 bits"),
        ("-9223372036854775809", "64 bits"),
        ("100000000000000000001", "64 bits"),
    ] {
        let body = format!(r#"{{"reading":{{"weight":{number}}}}}"#);
        refused(&server, &key, &reading, &body, "/reading/weight", word).await;
        let body = format!(r#"{{"a/b":["1e400",{{"c":{number}}}]}}"#);
        refused(&server, &key, &format!("/v1/notes/{note}"), &body, "/a~1b/1/c", word).await;
    }
    // A schema's own numbers are exact too.
    refused(&server, &key, &reading, r#"{"reading":{"exactly":9007199254740993}}"#, "/reading/exactly", "").await;
    refused(&server, &key, &reading, r#"{"reading":{"most":9007199254740993}}"#, "/reading/most", "").await;
    assert_unchanged(&before, &server.database);
}

async fn an_integer_beyond_64_bits_needs_a_schema_that_says_number(db: Backend) {
    let server = server(db).await;
    let (tenant, key) = tenant_with_key(&server).await;
    let reading = format!("/v1/readings/{}", add(&server, &key, r#""weight":1"#).await);
    let note = tenant.add_document("/notes", serde_json::json!({ "n": 1 })).await;
    let before = dump(&server.database);
    let digits = "100000000000000000000";
    for number in [digits, "1e20", "1.0e+20"] {
        let body = format!(r#"{{"reading":{{"count":{number}}}}}"#);
        refused(&server, &key, &reading, &body, "/reading/count", "64 bits").await;
    }
    refused(&server, &key, &format!("/v1/notes/{note}"), &format!(r#"{{"n":{digits}}}"#), "/n", "64 bits").await;
    assert_unchanged(&before, &server.database);
    for number in [digits, "1e20"] {
        let id = add(&server, &key, &format!(r#""weight":{number}"#)).await;
        assert!(ids(&server, &key, &format!("weight={digits}"), 20).await.contains(&id), "{number}");
    }
    // A decimal that the schema does not speak of.
    send(&server, &key, "POST", "/v1/notes", r#"{"n":1e300}"#).await.expect(201);
}

async fn a_filter_that_no_document_can_have_is_refused(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    for number in ["18446744073709551616", "1e400", "0.10000000000000000000001", "inf", "NaN", "0x10", "1_0", ""] {
        let path = format!("/v1/readings?weight={number}");
        let answer = server.get(&path).bearer(&key.plaintext).send().await.expect_error(400, "bad_request");
        assert_eq!(answer["error"]["details"][0]["field"], "weight", "{}", answer.text);
    }
}

async fn a_patch_keeps_the_numbers_that_it_does_not_name(db: Backend) {
    let server = server(db).await;
    let (_tenant, key) = tenant_with_key(&server).await;
    let id = add(&server, &key, r#""count":18446744073709551615,"weight":0.30000000000000004"#).await;
    let path = format!("/v1/readings/{id}");
    let body = r#"{"reading":{"other":-9223372036854775808}}"#;
    let patched = send(&server, &key, "PATCH", &path, body).await.expect(200);
    let read = server.get(&path).bearer(&key.plaintext).send().await.expect(200);
    assert_eq!(patched.text, read.text);
    for (field, text) in
        [("count", "18446744073709551615"), ("weight", "0.30000000000000004"), ("other", "-9223372036854775808")]
    {
        assert_eq!(written(&read, field), text);
    }
    assert_ne!(read["count"], Value::Null);
}
