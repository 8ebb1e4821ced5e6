//! Malformed bodies.

use super::super::document::{Document, Operation};
use super::super::failures::Failures;
use super::super::reply::Call;
use super::super::table::{self, Body};
use super::super::world::{self, World, best_caller};
use super::{unless_answered, unless_refused};
use crate::support::dump::dump;
use crate::support::{Backend, tests};
use serde_json::Value;

tests![
    every_route_refuses_a_body_that_is_no_json,
    every_route_refuses_each_field_of_the_wrong_type_or_beyond_its_bounds,
    every_route_refuses_too_large_a_body,
    every_route_refuses_a_body_of_another_media_type,
];

const JSON: Option<&str> = Some("application/json");

/// A route with a JSON body, and what it usually gets.
struct Subject<'a> {
    operation: &'a Operation,
    valid: Value,
    /// Its request without a body.
    call: Call,
}

/// Every route with a JSON body.
fn subjects<'a>(world: &World<'_>, document: &'a Document) -> Vec<Subject<'a>> {
    let with_json =
        |operation: &&Operation| operation.body.as_ref().is_some_and(|(media, _)| media == "application/json");
    let subject = |operation: &'a Operation| {
        let row = table::usual(&operation.name);
        let Body::Json(body) = row.body else { panic!("{}: the table has no JSON body for it", operation.name) };
        let targets = world.standing(row.target);
        Subject { operation, valid: body(&targets), call: world.bare_call(operation, best_caller(row), &targets) }
    };
    document.operations.iter().filter(with_json).map(subject).collect()
}

/// Sends each of the malformed requests that `cases` gives for a route, and then one that is not.
async fn refuse_all(
    db: Backend,
    least: usize,
    cases: impl Fn(&Document, &Subject<'_>) -> Vec<(String, Call, Vec<u16>)>,
) {
    let server = world::server(db).await;
    let world = World::new(&server).await;
    let document = Document::of(&server).await;
    let mut failures = Failures::default();
    for subject in subjects(&world, &document) {
        let operation = subject.operation;
        let before = dump(&server.database);
        for (what, call, statuses) in cases(&document, &subject) {
            let reply = call.send(&server, format!("{} with {what}", operation.name)).await;
            failures.cell(match operation.is_public {
                true => unless_answered(&reply, operation),
                false => unless_refused(&reply, operation, &statuses),
            });
        }
        if !operation.is_public {
            failures.unless_unchanged(&operation.name, &before, &dump(&server.database));
        }
        failures.cell(world.unless_succeeds(table::usual(&operation.name), operation).await);
    }
    failures.conclude(least);
}

async fn every_route_refuses_a_body_that_is_no_json(db: Backend) {
    refuse_all(db, 330, |_, subject| {
        let valid = subject.valid.to_string().into_bytes();
        let is_list = subject.valid.is_array();
        let fields = if is_list { &subject.valid[0] } else { &subject.valid }.as_object();
        let (name, value) = fields.and_then(|fields| fields.iter().next()).expect("a field");
        let (open, close) = if is_list { ("[", "]") } else { ("", "") };
        let with =
            |value: &[u8]| [format!("{open}{{\"{name}\":").as_bytes(), value, format!("}}{close}").as_bytes()].concat();
        let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        let mut bodies: Vec<(&str, Vec<u8>, &[u16])> = vec![
            ("no JSON", b"not json".to_vec(), &[400]),
            ("half of it", valid[..valid.len() - 1].to_vec(), &[400]),
            ("it twice", valid.repeat(2), &[400]),
            ("a rest", [&valid[..], b" x"].concat(), &[400]),
            ("a byte order mark", [b"\xef\xbb\xbf", &valid[..]].concat(), &[400]),
            ("UTF-16", subject.valid.to_string().encode_utf16().flat_map(u16::to_le_bytes).collect(), &[400]),
            ("bytes that are no UTF-8", with(b"\"\xff\xfe\""), &[400]),
            ("an overlong encoding", with(b"\"\xc0\xaf\""), &[400]),
            ("half a surrogate pair", with(br#""\ud800""#), &[400]),
            ("a raw control character", with(b"\"a\x01b\""), &[400]),
            ("NaN", with(b"NaN"), &[400]),
            ("a single quote", with(b"'x'"), &[400]),
            ("a comment", [b"/* */", &valid[..]].concat(), &[400]),
            ("a comma too many", [&valid[..valid.len() - 1], b",}"].concat(), &[400]),
            ("an exponent too large", with(b"1e999999"), &[400, 422]),
            (
                "a field twice",
                format!("{open}{{\"{name}\":{value},\"{name}\":{value}}}{close}").into_bytes(),
                &[400, 422],
            ),
            ("deep arrays", deep(10_000), &[400, 422]),
            ("deep arrays in a field", with(&deep(10_000)), &[400, 422]),
            ("deep objects", [br#"{"a":"#.repeat(10_000), b"1".to_vec(), b"}".repeat(10_000)].concat(), &[400, 422]),
        ];
        if !subject.operation.body_is_optional {
            bodies.push(("nothing", Vec::new(), &[400]));
        }
        let call = |body| subject.call.clone().body(JSON, body);
        bodies.into_iter().map(|(what, body, statuses)| (what.to_owned(), call(body), statuses.to_vec())).collect()
    })
    .await;
}

async fn every_route_refuses_each_field_of_the_wrong_type_or_beyond_its_bounds(db: Backend) {
    refuse_all(db, 540, |document, subject| {
        let Some((_, schema)) = &subject.operation.body else { unreachable!("has a body") };
        let shape = document.shape(schema);
        assert_eq!(shape.objection(&subject.valid), None, "{}", subject.operation.name);
        // Null is no body, where one may be left out.
        let is_none = |value: &Value| value.is_null() && subject.operation.body_is_optional;
        let wrong = shape.wrong_values(&subject.valid).into_iter().filter(|wrong| !is_none(&wrong.value));
        let call = |body: &Value| subject.call.clone().body(JSON, body.to_string());
        wrong.map(|wrong| (wrong.what, call(&wrong.value), wrong.statuses.to_vec())).collect()
    })
    .await;
}

async fn every_route_refuses_too_large_a_body(db: Backend) {
    refuse_all(db, 64, |_, subject| {
        let valid = subject.valid.to_string().into_bytes();
        let padded = |size: usize| [valid.clone(), vec![b' '; size - valid.len()]].concat();
        vec![
            ("2 MB".to_owned(), subject.call.clone().body(JSON, padded(2 << 20)), vec![413]),
            (
                "2 MB of unknown length".to_owned(),
                subject.call.clone().chunked("application/json", &padded(2 << 20)),
                vec![413],
            ),
            ("a byte too many".to_owned(), subject.call.clone().body(JSON, padded(262_145)), vec![413]),
        ]
    })
    .await;
}

async fn every_route_refuses_a_body_of_another_media_type(db: Backend) {
    refuse_all(db, 110, |_, subject| {
        let types = [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
            Some("application/jsonp"),
            Some("nonsense"),
        ];
        let valid = subject.valid.to_string();
        let case =
            |kind: Option<&str>| (format!("{kind:?}"), subject.call.clone().body(kind, valid.clone()), vec![415]);
        types.into_iter().map(case).collect()
    })
    .await;
}
