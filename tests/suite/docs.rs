//! The documentation agrees with the repository: links, paths, tables, and the length of its pages.

mod shell;

use crate::support::tests_once;
use keyward::base::error::Code;
use shell::{each_block_that_no_test_runs_is_marked_and_exists, the_blocks_of_each_page_run_as_they_stand_there};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

tests_once![
    links_lead_to_files_and_headings_that_exist,
    paths_in_backticks_exist,
    each_page_is_in_an_index,
    readme_and_architecture_stay_short,
    prose_stays_within_120_columns,
    the_table_of_errors_has_exactly_the_codes_of_the_program,
    the_table_of_the_configuration_has_exactly_its_sections,
    each_block_that_no_test_runs_is_marked_and_exists,
    the_blocks_of_each_page_run_as_they_stand_there,
];

/// Folders whose paths in backticks are checked.
const FOLDERS: [&str; 10] =
    ["src/", "tests/", "docs/", "config/", "deploy/", "migrations/", "openapi/", "clients/", "benches/", "scripts/"];

/// Floors of `src/` that pages name without `src/`.
const FLOORS: [&str; 5] = ["server/", "api/", "domain/", "infra/", "base/"];

/// A Markdown file of the repository.
struct Page {
    /// From the root of the repository.
    path: PathBuf,
    text: String,
}

impl Page {
    fn read(path: &str) -> Self {
        Self { path: path.into(), text: read(Path::new(path)) }
    }

    /// The lines outside of code blocks, with their numbers.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut is_code = false;
        self.text.lines().enumerate().filter_map(move |(index, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            (!is_code && !is_fence).then_some((index + 1, line))
        })
    }

    /// The text of each code span, with the number of its line.
    fn code_spans(&self) -> Vec<(usize, &str)> {
        let mut spans = Vec::new();
        for (number, line) in self.lines() {
            let parts: Vec<&str> = line.split('`').collect();
            assert!(parts.len() % 2 == 1, "{}:{number}: a code span does not end on its line", self.path.display());
            spans.extend(parts.into_iter().skip(1).step_by(2).map(|span| (number, span)));
        }
        spans
    }

    /// The targets of links within the repository, with the numbers of their lines.
    fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (number, line) in self.lines() {
            let without_code: String = line.split('`').step_by(2).collect();
            for rest in without_code.split("](").skip(1) {
                let target = rest.split(')').next().unwrap_or_default();
                if !target.starts_with("https://") && !target.starts_with("http://") {
                    links.push((number, target.to_owned()));
                }
            }
        }
        links
    }

    /// The anchors of the headings, as GitHub makes them.
    fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        for (_, line) in self.lines().filter(|(_, line)| line.starts_with('#')) {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let is_kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
            let anchor: String = heading.chars().filter(is_kept).map(|c| if c == ' ' { '-' } else { c }).collect();
            assert!(anchors.insert(anchor.clone()), "{}: two headings #{anchor}", self.path.display());
        }
        anchors
    }

    /// The file or folder that a link leads to, from the root of the repository.
    fn file_of(&self, link: &str) -> PathBuf {
        let file = link.split('#').next().unwrap_or_default();
        if file.is_empty() {
            return self.path.clone();
        }
        let mut target = self.path.parent().unwrap_or(Path::new("")).to_path_buf();
        for component in Path::new(file).components() {
            match component {
                Component::ParentDir => assert!(target.pop(), "{}: {link} leaves the repository", self.path.display()),
                Component::CurDir => {}
                other => target.push(other),
            }
        }
        target
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Markdown files of the repository.
fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    collect(Path::new(""), &mut pages);
    assert!(pages.len() > 30, "only {} pages", pages.len());
    pages
}

fn collect(folder: &Path, pages: &mut Vec<Page>) {
    for entry in fs::read_dir(root().join(folder)).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let path = folder.join(&name);
        let is_foreign = name.starts_with('.') || ["target", "node_modules", "data"].contains(&name.as_str());
        if entry.file_type().expect("a type").is_dir() {
            if !is_foreign {
                collect(&path, pages);
            }
        } else if name.ends_with(".md") {
            let text = read(&path);
            pages.push(Page { path, text });
        }
    }
}

async fn links_lead_to_files_and_headings_that_exist() {
    let pages = pages();
    let mut count = 0;
    for page in &pages {
        page.anchors();
        for (number, link) in page.links() {
            let place = format!("{}:{number}: {link}", page.path.display());
            let file = page.file_of(&link);
            assert!(root().join(&file).exists(), "{place}: there is no {}", file.display());
            if let Some((_, anchor)) = link.split_once('#') {
                let target = pages.iter().find(|page| page.path == file);
                let target = target.unwrap_or_else(|| panic!("{place}: an anchor of a file that is not Markdown"));
                assert!(target.anchors().contains(anchor), "{place}: there is no such heading");
            }
            count += 1;
        }
    }
    assert!(count > 120, "only {count} links: are they still found?");
}

async fn paths_in_backticks_exist() {
    let has_only_names = |span: &str| span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let starts_in = |folders: &[&str], span: &str| folders.iter().any(|folder| span.starts_with(folder));
    let mut count = 0;
    for page in pages() {
        for (number, span) in page.code_spans().into_iter().filter(|(_, span)| has_only_names(span)) {
            let folder = if starts_in(&FOLDERS, span) {
                root().to_path_buf()
            } else if starts_in(&FLOORS, span) {
                root().join("src")
            } else {
                continue;
            };
            assert!(folder.join(span).exists(), "{}:{number}: there is no {span}", page.path.display());
            count += 1;
        }
    }
    assert!(count > 80, "only {count} paths: are they still found?");
}

async fn each_page_is_in_an_index() {
    let pages: Vec<Page> = pages().into_iter().filter(|page| page.path.starts_with("docs")).collect();
    let mut linked: BTreeSet<PathBuf> = [PathBuf::from("docs/README.md")].into();
    for index in pages.iter().filter(|page| page.path.ends_with("README.md")) {
        linked.extend(index.links().iter().map(|(_, link)| index.file_of(link)));
    }
    for page in &pages {
        assert!(linked.contains(&page.path), "{} is in no index of docs/", page.path.display());
    }
}

async fn readme_and_architecture_stay_short() {
    let words = |page: &Page| page.text.split_whitespace().count();
    let readme = Page::read("README.md");
    assert!(readme.text.lines().count() <= 120, "{} lines in README.md", readme.text.lines().count());
    assert!(words(&readme) <= 800, "{} words in README.md", words(&readme));
    let architecture = Page::read("ARCHITECTURE.md");
    assert!(words(&architecture) <= 1200, "{} words in ARCHITECTURE.md", words(&architecture));
}

async fn prose_stays_within_120_columns() {
    // `make bench` writes the pages in benches.
    for page in pages().iter().filter(|page| !page.path.starts_with("benches")) {
        for (number, line) in page.lines().filter(|(_, line)| !line.starts_with('|')) {
            let columns = line.chars().count();
            assert!(columns <= 120, "{}:{number}: {columns} columns", page.path.display());
        }
    }
}

async fn the_table_of_errors_has_exactly_the_codes_of_the_program() {
    let page = Page::read("docs/reference/errors.md");
    let codes = page.text.split("\n## ").find(|section| section.starts_with("Codes\n")).expect("a section on codes");
    let shown: Vec<&str> = codes.lines().filter(|line| line.starts_with("| `")).collect();
    let row = |code: &Code| {
        let (name, status, title, message) = (code.as_str(), code.status().as_u16(), code.title(), code.message());
        format!("| `{name}` | {status} | {title} | {message} |")
    };
    let expected: Vec<String> = Code::ALL.iter().map(row).collect();
    assert_eq!(shown, expected);
}

async fn the_table_of_the_configuration_has_exactly_its_sections() {
    // A section that is off by default stands there as a comment.
    let defaults = read(Path::new("config/default.toml"));
    let headers = defaults.lines().filter_map(|line| line.trim_start_matches("# ").strip_prefix('['));
    let names = headers.filter_map(|header| header.trim_start_matches('[').split(['.', ']']).next());
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let sections: BTreeSet<&str> = names.filter(is_name).chain(["preset"]).collect();
    assert!(sections.len() > 15, "only {sections:?}");

    let page = Page::read("docs/configuration.md");
    let table = page.text.split("\n## ").find(|section| section.starts_with("Sections\n")).expect("the table");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let shown: BTreeSet<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(shown, sections);
}
