//! [`Document`]: the OpenAPI document of this configuration, as it is served.

use super::file::File;
use crate::api::collections::schemas;
use crate::domain::collections::Collections;
use crate::server::openapi::Texts;
use parking_lot::RwLock;
use std::sync::Arc;
use utoipa::openapi::OpenApi;

/// The document in both versions.
pub struct Document {
    texts: Texts,
    files: RwLock<Files>,
}

struct Files {
    v3_1: Arc<File>,
    v3_0: Arc<File>,
}

impl Files {
    fn of(v3_1: String, v3_0: String) -> Self {
        let file = |text: String| Arc::new(File::of_plain("application/json", text));
        Self { v3_1: file(v3_1), v3_0: file(v3_0) }
    }
}

impl Document {
    /// Serializes a collected document.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn new(document: &OpenApi, collections: &Collections) -> Result<Self, String> {
        let texts = Texts::new(document, &schemas(collections))?;
        let files = RwLock::new(Files::of(texts.v3_1.clone(), texts.v3_0.clone()));
        Ok(Self { texts, files })
    }

    /// Replaces invented ids in the examples by ids that exist: pairs of the invented and the real one.
    pub fn set_example_ids(&self, ids: &[(&str, String)]) {
        let replace =
            |text: &str| ids.iter().fold(text.to_owned(), |text, (invented, real)| text.replace(invented, real));
        *self.files.write() = Files::of(replace(&self.texts.v3_1), replace(&self.texts.v3_0));
    }

    pub(super) fn v3_1(&self) -> Arc<File> {
        Arc::clone(&self.files.read().v3_1)
    }

    pub(super) fn v3_0(&self) -> Arc<File> {
        Arc::clone(&self.files.read().v3_0)
    }
}
