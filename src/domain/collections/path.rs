//! [`CollectionPath`]: the path of a collection, below the base path.

/// The parameter that names a document in the paths of its collection.
pub const DOCUMENT_ID: &str = "documentId";

/// `posts`, or `forms/{id}/submissions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionPath {
    template: String,
    parent: Option<ParentPath>,
}

/// The parent's part of a nested collection's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentPath {
    /// The parent's template: `forms`.
    pub template: String,
    /// The parameter's name: `id`.
    pub parameter: String,
}

impl CollectionPath {
    /// Parses a path of the configuration.
    ///
    /// # Errors
    /// A text for the operator with the expected form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} must look like \"posts\" or \"forms/{{id}}/submissions\"");
        let mut parent = None;
        let mut before = Vec::new();
        for segment in text.split('/') {
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                None if is_plain(segment) => {}
                Some(parameter) if is_name(parameter) && parent.is_none() && !before.is_empty() => {
                    parent = Some(ParentPath { template: before.join("/"), parameter: parameter.to_owned() });
                }
                _ => return Err(wrong()),
            }
            before.push(segment);
        }
        match parent {
            Some(parent) if text.ends_with('}') || [DOCUMENT_ID, "workspaceId"].contains(&&*parent.parameter) => {
                Err(wrong())
            }
            parent => Ok(Self { template: text.to_owned(), parent }),
        }
    }

    pub fn template(&self) -> &str {
        &self.template
    }

    pub fn parent(&self) -> Option<&ParentPath> {
        self.parent.as_ref()
    }

    /// The template of one document's path.
    pub fn of_document(&self) -> String {
        format!("{}/{{{DOCUMENT_ID}}}", self.template)
    }
}

fn is_plain(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn is_name(parameter: &str) -> bool {
    parameter.starts_with(|c: char| c.is_ascii_alphabetic()) && parameter.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether some path fits both templates.
pub fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (one.split('/'), other.split('/'));
    let is_parameter = |segment: &str| segment.starts_with('{');
    one.clone().count() == other.clone().count()
        && one.zip(other).all(|(a, b)| a == b || is_parameter(a) || is_parameter(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_at_most_one_parent() {
        let nested = CollectionPath::parse("forms/{id}/submissions").unwrap();
        assert_eq!(nested.parent().unwrap().template, "forms");
        assert_eq!(nested.of_document(), "forms/{id}/submissions/{documentId}");
        assert!(CollectionPath::parse("blog/posts").unwrap().parent().is_none());
        for bad in ["", "/posts", "posts/", "posts/{id}", "{id}/posts", "a/{x}/b/{y}/c", "a b", "a/{}/b", "a/{x-y}/b"] {
            assert!(CollectionPath::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn templates_overlap_where_one_path_fits_both() {
        assert!(overlap("/v1/posts/{id}", "/v1/posts/drafts"));
        assert!(!overlap("/v1/posts/{id}", "/v1/posts"));
        assert!(!overlap("/v1/posts/{id}", "/v1/pages/{id}"));
    }
}
