//! [`Source`]: the files of `src/`, and the names that their code writes.

use super::FLOORS;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which room uses which, and by which names.
pub type Arrows = BTreeMap<(String, String), BTreeSet<String>>;

/// The text of `src/`, by path below it.
pub struct Source {
    pub files: Vec<(PathBuf, String)>,
}

impl Source {
    pub fn of_repository() -> Self {
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
    pub fn files_that(&self, fulfil: impl Fn(&[String]) -> bool) -> Vec<String> {
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

    pub fn arrows(&self) -> Arrows {
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
