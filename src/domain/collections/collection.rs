//! [`Collections`]: the configured collections, compiled and checked.

use super::field::Field;
use super::path::{CollectionPath, overlap};
use super::schema::DocumentSchema;
use crate::base::config::{CollectionSettings, Config};
use crate::base::policy::{PermissionCatalog, PermissionRef};
use serde_json::Value;
use std::sync::Arc;

/// A configured resource, whose documents tenants store in Keyward.
#[derive(Debug)]
pub struct Collection {
    /// The name in the configuration and in the rows of its documents.
    pub name: String,
    pub path: CollectionPath,
    /// The name of the parent collection, if the collection is nested.
    pub parent: Option<String>,
    /// The field of a request's body that contains the document. `None`: the body is the document.
    pub envelope: Option<String>,
    /// The permission to read documents.
    pub read: PermissionRef,
    /// The permission to write documents.
    pub write: PermissionRef,
    pub keys_may_write: bool,
    pub filters: Vec<Field>,
    /// Besides the time of creation.
    pub sorts: Vec<Field>,
    /// The largest document, in bytes of JSON.
    pub max_bytes: usize,
    /// The most documents of a workspace. `None`: any number.
    pub max_documents: Option<u32>,
    pub schema: DocumentSchema,
}

/// All collections of a configuration, by name.
#[derive(Clone, Debug, Default)]
pub struct Collections(Vec<Arc<Collection>>);

/// The highest `max_documents`, because each creation counts the documents one by one.
const MAX_DOCUMENTS_LIMIT: u32 = 100_000;

impl Collections {
    /// Compiles the schemas, and checks the settings.
    ///
    /// # Errors
    /// A text for the operator, which names the key.
    pub fn compile(config: &Config, catalog: &PermissionCatalog) -> Result<Self, String> {
        let mut all: Vec<Arc<Collection>> = Vec::new();
        for (name, settings) in &config.collections {
            let compiled = Collection::compile(name, settings, catalog, config.server.body_limit);
            all.push(Arc::new(compiled.map_err(|reason| format!("collections.{name}.{reason}"))?));
        }
        let mut found = Vec::with_capacity(all.len());
        for collection in &all {
            found.push(
                collection
                    .parent_among(&all)
                    .map_err(|reason| format!("collections.{}.path: {reason}", collection.name))?,
            );
        }
        for (collection, parent) in all.iter_mut().zip(found) {
            if let Some(collection) = Arc::get_mut(collection) {
                collection.parent = parent;
            }
        }
        Ok(Self(all))
    }

    /// Returns the collections in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Collection>> {
        self.0.iter()
    }

    /// Refuses a collection whose path clashes with another collection or another route. `taken` has the paths of all
    /// other routes, as in the OpenAPI document.
    ///
    /// # Errors
    /// A text for the operator, which names the key.
    pub fn ensure_paths_are_free<'p>(
        &self,
        base_path: &str,
        taken: impl IntoIterator<Item = &'p String> + Clone,
    ) -> Result<(), String> {
        for (place, collection) in self.0.iter().enumerate() {
            for own in collection.all_paths(base_path) {
                let of_route = taken.clone().into_iter().find(|path| overlap(path, &own));
                let of_other = self.0[..place]
                    .iter()
                    .find(|other| other.all_paths(base_path).iter().any(|path| overlap(path, &own)));
                let whose = match (of_route, of_other) {
                    (Some(path), _) => format!("Keyward's own {path}"),
                    (None, Some(other)) => format!("that of collections.{}", other.name),
                    (None, None) => continue,
                };
                return Err(format!(
                    "collections.{}.path: {own} clashes with {whose}; choose another",
                    collection.name
                ));
            }
        }
        Ok(())
    }
}

impl Collection {
    fn compile(
        name: &str,
        settings: &CollectionSettings,
        catalog: &PermissionCatalog,
        body_limit: usize,
    ) -> Result<Self, String> {
        let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if !is_plain(name) || !(1..=64).contains(&name.len()) {
            return Err(" must have a name of 1 to 64 letters, digits, _ and -".into());
        }
        let path = CollectionPath::parse(settings.path.as_deref().unwrap_or(name))
            .map_err(|reason| format!("path: {reason}"))?;
        if settings.envelope.as_deref().is_some_and(|envelope| envelope.is_empty() || !is_plain(envelope)) {
            return Err("envelope: must be letters, digits, _ and -".into());
        }
        let max_bytes = settings.max_bytes.unwrap_or(body_limit);
        if !(2..=body_limit).contains(&max_bytes) {
            return Err(format!("max_bytes: {max_bytes} must be 2 to server.body_limit, {body_limit}"));
        }
        if settings.max_documents.is_some_and(|most| !(1..=MAX_DOCUMENTS_LIMIT).contains(&most)) {
            return Err(format!("max_documents: must be 1 to {MAX_DOCUMENTS_LIMIT}; leave it out for any number"));
        }
        let (read, write) = settings.permissions(name, catalog)?;
        let schema = DocumentSchema::compile(schema_of(settings)?).map_err(|reason| format!("schema: {reason}"))?;
        let fields = |key: &str, names: &[String]| {
            let of = |name: &String| Field::of(&schema, name).map_err(|reason| format!("{key}: {reason}"));
            names.iter().map(of).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            filters: fields("filter_by", &settings.filter_by)?,
            sorts: fields("sort_by", &settings.sort_by)?,
            name: name.to_owned(),
            path,
            parent: None,
            envelope: settings.envelope.clone(),
            read,
            write,
            keys_may_write: settings.keys_may_write,
            max_bytes,
            max_documents: settings.max_documents,
            schema,
        })
    }

    fn parent_among(&self, all: &[Arc<Self>]) -> Result<Option<String>, String> {
        let Some(own) = self.path.parent() else { return Ok(None) };
        let parent = all.iter().find(|other| other.path.template() == own.template);
        match parent {
            Some(parent) if parent.path.parent().is_none() => Ok(Some(parent.name.clone())),
            _ => Err(format!(
                "no collection has the path {:?}, which this one's documents would belong to",
                own.template
            )),
        }
    }

    /// Returns the fields that need an index, without duplicates.
    pub fn indexed(&self) -> Vec<&Field> {
        let mut fields: Vec<&Field> = Vec::new();
        for field in self.filters.iter().chain(&self.sorts) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }

    /// Returns the templates of the routes: list and document for programs, then list and document for people.
    pub fn all_paths(&self, base_path: &str) -> [String; 4] {
        let (list, document) = (self.path.template().to_owned(), self.path.of_document());
        [
            format!("{base_path}/{list}"),
            format!("{base_path}/{document}"),
            format!("{base_path}/workspaces/{{workspaceId}}/{list}"),
            format!("{base_path}/workspaces/{{workspaceId}}/{document}"),
        ]
    }
}

fn schema_of(settings: &CollectionSettings) -> Result<Option<Value>, String> {
    match (&settings.schema, &settings.schema_file) {
        (Some(_), Some(_)) => Err("schema_file: there is a schema too; keep one of them".into()),
        (Some(schema), None) => Ok(Some(schema.clone())),
        (None, None) => Ok(None),
        (None, Some(file)) => {
            let file = file.relative();
            let text =
                std::fs::read_to_string(&file).map_err(|error| format!("schema_file: {}: {error}", file.display()))?;
            let parsed = serde_json::from_str(&text);
            parsed.map(Some).map_err(|error| format!("schema_file: {}: {error}", file.display()))
        }
    }
}
