//! [`Page`]: the files of the Swagger UI and Keyward's own around them.

use super::file::File;
use crate::base::error::ApiError;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::Config;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page that names the other files.
const INDEX: &str = include_str!("index.html");

/// The page and its files, by name.
pub(super) struct Page {
    index: File,
    files: BTreeMap<&'static str, File>,
}

static PAGE: LazyLock<Page> = LazyLock::new(Page::read);

impl Page {
    /// The page of this binary.
    pub(super) fn get() -> &'static Self {
        &PAGE
    }

    fn read() -> Self {
        let own = [
            ("icon.svg", "image/svg+xml", include_str!("icon.svg")),
            ("keyward.css", CSS, include_str!("keyward.css")),
            ("swagger-initializer.js", SCRIPT, include_str!("initializer.js")),
        ];
        let own = own.map(|(name, media, content)| (name, File::of_plain(media, content)));
        let embedded = [("swagger-ui.css", CSS), ("swagger-ui-bundle.js", SCRIPT)];
        let embedded = embedded.into_iter().filter_map(|(name, media)| Some((name, embedded_file(name, media)?)));
        let files: BTreeMap<&'static str, File> = own.into_iter().chain(embedded).collect();
        let index = files.iter().fold(INDEX.to_owned(), |index, (name, file)| {
            index.replace(&format!("\"{name}\""), &format!("\"{name}?v={}\"", file.hash()))
        });
        Self { index: File::of_plain(HTML, index), files }
    }

    /// Answers with a file.
    ///
    /// # Errors
    /// `not_found`
    pub(super) fn answer(&self, req: &HttpRequest, name: &str) -> Result<HttpResponse, ApiError> {
        let file = if name.is_empty() { Some(&self.index) } else { self.files.get(name) };
        Ok(file.ok_or_else(ApiError::not_found)?.answer(req))
    }
}

/// A file of the Swagger UI.
fn embedded_file(name: &str, media: &'static str) -> Option<File> {
    let found = utoipa_swagger_ui::serve(name, Arc::new(Config::default())).ok()??;
    let content = Bytes::from(found.bytes.into_owned());
    Some(if found.gzpipped { File::of_gzip(media, content) } else { File::of_plain(media, content) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_each_of_its_files_by_its_hash() {
        let page = Page::get();
        assert_eq!(page.files.len(), 5);
        let index = INDEX.matches("src=\"").count() + INDEX.matches("href=\"").count();
        assert!(index >= page.files.len(), "{INDEX}");
        for name in page.files.keys() {
            assert!(INDEX.contains(&format!("\"{name}\"")), "{name} is not in the page");
        }
    }
}
