//! The floors of `src/`: a room uses its own floor and those below, and no two rooms use each other in a circle.
//!
//! A floor is a folder of `src/`; a room is a file or folder on it. The names that the code writes decide (`crate::…`,
//! `super::…`, through the re-exports of a floor's `mod.rs`), not types. Unit tests and comments are left out.

use crate::support::tests_once;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// From the ground up. The client uses the base only, so it stands right above it.
const FLOORS: [&str; 7] = ["base", "client", "infra", "domain", "api", "server", "cli"];

/// Which room uses which, and by which names.
type Arrows = BTreeMap<(String, String), BTreeSet<String>>;

tests_once![
    no_room_uses_a_floor_above_it,
    no_rooms_use_each_other_in_a_circle,
    endpoints_use_no_other_endpoints,
    every_file_says_what_it_is,
    deciding_headers_and_the_clients_address_are_read_in_one_place,
    a_planted_arrow_up_and_a_planted_circle_are_found,
];

async fn no_room_uses_a_floor_above_it() {
    let up = arrows_up(&Source::of_repository().arrows());
    assert!(up.is_empty(), "{} arrows lead up:\n{}", up.len(), up.join("\n"));
}

async fn no_rooms_use_each_other_in_a_circle() {
    let circles = circles(&Source::of_repository().arrows());
    assert!(circles.is_empty(), "rooms use each other in a circle:\n{}", circles.join("\n"));
}

/// Endpoints share state, callers, extractors and idempotency; nothing else of the floor.
async fn endpoints_use_no_other_endpoints() {
    const SHARED: [&str; 8] =
        ["list", "hot_json", "state", "caller", "authentication", "extractors", "idempotency", "errors"];
    let is_endpoint = |room: &str| room.strip_prefix("api/").is_some_and(|name| !SHARED.contains(&name));
    let arrows = Source::of_repository().arrows();
    let among: Vec<_> = arrows.iter().filter(|((from, to), _)| is_endpoint(from) && is_endpoint(to)).collect();
    assert!(among.is_empty(), "endpoints use each other: {among:?}");
}

async fn every_file_says_what_it_is() {
    let silent: Vec<PathBuf> = Source::of_repository()
        .files
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.iter().all(|path| path == Path::new("base/sql/schema.rs")), "no module doc: {silent:?}");
}

/// Files that read headers by name, and why none of those is a request's deciding one.
const READERS_OF_HEADERS: [(&str, &str); 9] = [
    ("infra/http/deciding_headers.rs", "it is that place"),
    ("infra/http/client_address.rs", "the hops of all lines are one list"),
    ("infra/request/context.rs", "User-Agent is only recorded"),
    ("server/observe/request_record.rs", "X-Request-ID is only logged"),
    ("server/observe/traces.rs", "traceparent only names a trace"),
    ("server/error_responses.rs", "it is a response's"),
    ("server/security_headers.rs", "it is a response's"),
    ("infra/remote_keys.rs", "it is a response's"),
    ("client/refusal.rs", "it is a response's"),
];

/// Files that read the address of a connection; `server/listener.rs` only logs it.
const READERS_OF_PEERS: [&str; 2] = ["infra/http/client_address.rs", "server/listener.rs"];

async fn deciding_headers_and_the_clients_address_are_read_in_one_place() {
    let mut source = Source::of_repository();
    let names = |found: &[String], allowed: &[&str]| {
        let mut expected: Vec<&str> = allowed.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "read request headers by DecidingHeader, and addresses by client_address");
    };
    names(&source.files_that(reads_headers), &READERS_OF_HEADERS.map(|(file, _)| file));
    names(&source.files_that(reads_peers), &READERS_OF_PEERS);
    let clean = source.files_that(reads_headers).len();
    for (file, text) in [
        ("api/a.rs", "fn f(req: R) { req.headers().get(NAME) }"),
        ("api/b.rs", "fn f(req: R) { if x { req\n.headers()\n.get_all(NAME).next() } }"),
        ("api/c.rs", "fn f(headers: &H) { headers.contains_key(NAME) }"),
        ("api/d.rs", "#[cfg(test)] mod tests { fn f() { answer.headers().get(NAME) } }"),
    ] {
        source.files.push((PathBuf::from(file), text.to_owned()));
    }
    assert_eq!(source.files_that(reads_headers).len(), clean + 3, "planted readers are found");
}

/// Returns whether the words take a value from `headers` by its name.
fn reads_headers(words: &[String]) -> bool {
    const READS: [&str; 5] = ["get", "get_all", "get_mut", "contains_key", "remove"];
    (0..words.len()).filter(|at| words[*at] == "headers").any(|at| {
        let mut rest = words[at + 1..].iter().map(String::as_str).skip_while(|word| ["(", ")"].contains(word));
        rest.next() == Some(".") && rest.next().is_some_and(|word| READS.contains(&word))
    })
}

fn reads_peers(words: &[String]) -> bool {
    words.iter().any(|word| ["peer_addr", "connection_info", "realip_remote_addr"].contains(&word.as_str()))
}

async fn a_planted_arrow_up_and_a_planted_circle_are_found() {
    let mut source = Source::of_repository();
    let plant = |file: &str, text: &str| (PathBuf::from(file), text.to_owned());
    source.files.push(plant("base/ids.rs", "use crate::{api::State, base::time};"));
    source.files.push(plant("domain/audit/planted.rs", "fn f() { super::super::identity::provider::go() }"));
    // Neither counts: a comment, a string and a unit test.
    let tests = "//! crate::server::app\n#[cfg(test)] mod tests { use crate::server::app; }";
    source.files.push(plant("base/network.rs", &format!("{tests} const TEXT: &str = \"crate::server::app\";")));
    let arrows = source.arrows();
    assert_eq!(arrows_up(&arrows), ["base/ids uses api/state: {\"State\"}"]);
    let circles = circles(&arrows).join("\n");
    assert!(circles.contains("domain/audit -> domain/identity") && !circles.contains("base/network"), "{circles}");
}

fn arrows_up(arrows: &Arrows) -> Vec<String> {
    let floor = |room: &str| FLOORS.iter().position(|floor| room.split('/').next() == Some(floor));
    let up = arrows.iter().filter(|((from, to), _)| floor(from) < floor(to));
    up.map(|((from, to), names)| format!("{from} uses {to}: {names:?}")).collect()
}

/// Takes away rooms that use nothing that is left, or that nothing uses that is left, until none goes.
fn circles(arrows: &Arrows) -> Vec<String> {
    let mut left: BTreeSet<&String> = arrows.keys().flat_map(|(from, to)| [from, to]).collect();
    loop {
        let inner = |(from, to): &&(String, String)| left.contains(from) && left.contains(to);
        let using: BTreeSet<&String> = arrows.keys().filter(inner).map(|(from, _)| from).collect();
        let used: BTreeSet<&String> = arrows.keys().filter(inner).map(|(_, to)| to).collect();
        let kept: BTreeSet<&String> = using.intersection(&used).copied().collect();
        if kept.len() == left.len() {
            break;
        }
        left = kept;
    }
    let within = arrows.iter().filter(|((from, to), _)| left.contains(from) && left.contains(to));
    within.map(|((from, to), names)| format!("  {from} -> {to}: {names:?}")).collect()
}

/// The text of `src/`, by path below it.
struct Source {
    files: Vec<(PathBuf, String)>,
}

impl Source {
    fn of_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut source = Self { files: Vec::new() };
        source.collect(&root, &root);
        assert!(source.files.len() > 200, "the source is found");
        source
    }

    fn collect(&mut self, root: &Path, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.collect(root, &path);
            } else if path.extension().is_some_and(|end| end == "rs") && path.file_stem().unwrap() != "tests" {
                let text = std::fs::read_to_string(&path).unwrap();
                self.files.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }

    /// The files, from `src/`, whose words without the unit tests fulfil a condition.
    fn files_that(&self, fulfil: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for (path, text) in &self.files {
            let mut words = Vec::new();
            collect_words(text.parse().unwrap(), &mut words);
            if fulfil(&words) {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
        found.sort_unstable();
        found
    }

    fn arrows(&self) -> Arrows {
        let modules: Vec<(Vec<String>, &str)> = self.files.iter().map(|(path, text)| (module(path), &**text)).collect();
        let rooms: BTreeSet<String> = modules.iter().filter_map(|(module, _)| room(module)).collect();
        // A floor's own module has no room; what it re-exports is of the rooms that it names.
        let exports: BTreeMap<(String, String), String> = modules
            .iter()
            .filter(|(module, _)| module.len() == 1)
            .flat_map(|(module, text)| reexports(text).into_iter().map(|(name, kid)| ((module[0].clone(), name), kid)))
            .collect();
        let mut arrows = Arrows::new();
        for (module, text) in &modules {
            let Some(from) = room(module) else { continue };
            let mut paths = Vec::new();
            collect_paths(text.parse().unwrap(), module, &mut paths);
            for path in paths {
                let [floor, name, ..] = &path[..] else { continue };
                let kid = exports.get(&(floor.clone(), name.clone())).unwrap_or(name);
                let to = format!("{floor}/{kid}");
                if rooms.contains(&to) && to != from {
                    arrows.entry((from.clone(), to)).or_default().insert(path[path.len() - 1].clone());
                }
            }
        }
        arrows
    }
}

/// `domain/audit/mod.rs` is the module `domain::audit`.
fn module(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    parts.pop_if(|last| last == "mod" || last == "lib" || last == "main");
    parts
}

/// The room of a module; none for a floor and for the crate.
fn room(module: &[String]) -> Option<String> {
    match module {
        [floor, room, ..] if FLOORS.contains(&floor.as_str()) => Some(format!("{floor}/{room}")),
        [] | [_] => None,
        [other, ..] => panic!("src/{other} is no floor"),
    }
}

/// Names that a module re-exports from its children, with the child.
fn reexports(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let tokens: Vec<TokenTree> = text.parse::<TokenStream>().unwrap().into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        if token.to_string() == "use" {
            let mut paths = Vec::new();
            read_tree(&tokens[at + 1..], Vec::new(), &mut paths);
            for path in paths.into_iter().filter(|path| path.len() > 1) {
                found.push((path[path.len() - 1].clone(), path[0].clone()));
            }
        }
    }
    found
}

/// Every path of the crate that the tokens name, without the unit tests.
fn collect_paths(tokens: TokenStream, module: &[String], paths: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) if is_test_attribute(group) => at += tokens_of_item(&tokens[at + 1..]),
            TokenTree::Group(group) => collect_paths(group.stream(), module, paths),
            TokenTree::Ident(word) if is_path(&tokens[at + 1..]) && (at == 0 || !is_path_end(&tokens[..at])) => {
                let before = match word.to_string().as_str() {
                    "crate" => Some(Vec::new()),
                    "super" => Some(module[..module.len() - 1].to_vec()),
                    _ => None,
                };
                if let Some(before) = before {
                    read_tree(&tokens[at + 3..], before, paths);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Every token, without the unit tests. Parentheses are tokens of their own; other groups have none.
fn collect_words(tokens: TokenStream, words: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) if is_test_attribute(group) => at += tokens_of_item(&tokens[at + 1..]),
            TokenTree::Group(group) => {
                let is_call = group.delimiter() == Delimiter::Parenthesis;
                words.extend(is_call.then(|| "(".to_owned()));
                collect_words(group.stream(), words);
                words.extend(is_call.then(|| ")".to_owned()));
            }
            token => words.push(token.to_string()),
        }
        at += 1;
    }
}

/// `cfg(test)` of a module in the same file.
fn is_test_attribute(group: &Group) -> bool {
    group.delimiter() == Delimiter::Bracket && group.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// How many tokens the item has whose attribute was read: up to its body, or to its end.
fn tokens_of_item(rest: &[TokenTree]) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        other => other.to_string() == ";",
    };
    rest.iter().position(is_end).map_or(rest.len(), |end| end + 1)
}

fn is_path(rest: &[TokenTree]) -> bool {
    matches!(rest, [TokenTree::Punct(a), TokenTree::Punct(b), ..] if a.as_char() == ':' && b.as_char() == ':')
}

fn is_path_end(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Punct(a), TokenTree::Punct(b)] if a.as_char() == ':' && b.as_char() == ':')
}

/// Reads one tree of a path, groups taken apart; gives how many tokens it had.
fn read_tree(tokens: &[TokenTree], mut path: Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) if word == "super" => _ = path.pop(),
            Some(TokenTree::Ident(word)) => path.push(word.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for tree in inner.split(|token| token.to_string() == ",") {
                    read_tree(tree, path.clone(), paths);
                }
                return at + 1;
            }
            _ => break,
        }
        at += 1;
        if !is_path(&tokens[at..]) {
            break;
        }
        at += 2;
    }
    paths.push(path);
    at
}
