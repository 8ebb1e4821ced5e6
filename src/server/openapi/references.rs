//! Plain references in places where utoipa writes something else, which generators misread or name anew.

use std::collections::BTreeMap;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::ArrayItems;
use utoipa::openapi::{Ref, RefOr, Required, Schema};

/// Makes the items of `Page_X` a reference to `X`: utoipa copies `X` into each page.
pub fn refer_from_pages(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let names: Vec<String> = schemas.keys().cloned().collect();
    for (name, schema) in schemas {
        let Some(item) = name.strip_prefix("Page_").filter(|item| names.iter().any(|name| name == item)) else {
            continue;
        };
        if let RefOr::T(Schema::Object(page)) = schema
            && let Some(RefOr::T(Schema::Array(data))) = page.properties.get_mut("data")
        {
            data.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(item).into()));
        }
    }
}

/// Takes the descriptions off the variants that a discriminator selects: each variant has one of its own.
pub fn refer_from_variants(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    for schema in schemas.values_mut() {
        let RefOr::T(Schema::OneOf(choice)) = schema else { continue };
        if choice.discriminator.is_some() {
            choice.items.iter_mut().for_each(|variant| {
                if let RefOr::Ref(reference) = variant {
                    reference.description.clear();
                }
            });
        }
    }
}

/// Makes the schema of a body that may be left out a reference: utoipa makes it a choice between that and null. Every other
/// body is required, also one of several media types, of which utoipa does not say it.
pub fn refer_from_body(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    let mut is_optional = false;
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::T(Schema::OneOf(choice))) = &content.schema else { continue };
        let reference = choice.items.iter().find(|item| matches!(item, RefOr::Ref(_)));
        if let Some(reference) = reference.cloned().filter(|_| choice.items.len() == 2) {
            content.schema = Some(reference);
            is_optional = true;
        }
    }
    body.required = Some(if is_optional { Required::False } else { Required::True });
}
