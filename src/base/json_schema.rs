//! JSON Schemas as parts of a document: a walk over subschemas, and definitions that become components.

use serde_json::Value;
use std::collections::BTreeMap;

/// How a keyword holds subschemas.
enum Holds {
    One,
    List,
    ByName,
}

fn holds(keyword: &str) -> Option<Holds> {
    match keyword {
        "items"
        | "additionalProperties"
        | "not"
        | "if"
        | "then"
        | "else"
        | "contains"
        | "propertyNames"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "contentSchema" => Some(Holds::One),
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Some(Holds::List),
        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions" => Some(Holds::ByName),
        _ => None,
    }
}

/// The subschemas right below a schema, each with its JSON Pointer from there. Data in `const`, `enum`, `default` and
/// `examples` is none.
pub fn children(schema: &mut Value) -> Vec<(String, &mut Value)> {
    let mut found = Vec::new();
    for (keyword, value) in schema.as_object_mut().into_iter().flatten() {
        match (holds(keyword), value) {
            (Some(Holds::One), value) => found.push((format!("/{keyword}"), value)),
            (Some(Holds::List), Value::Array(items)) => {
                found.extend(items.iter_mut().enumerate().map(|(at, item)| (format!("/{keyword}/{at}"), item)));
            }
            (Some(Holds::ByName), Value::Object(named)) => {
                found.extend(named.iter_mut().map(|(name, part)| (format!("/{keyword}/{}", escaped(name)), part)));
            }
            _ => {}
        }
    }
    found
}

/// Calls `visit` with each subschema and its JSON Pointer, the deepest first.
fn walk(schema: &mut Value, pointer: &str, visit: &mut impl FnMut(&mut Value, &str)) {
    for (step, child) in children(schema) {
        walk(child, &format!("{pointer}{step}"), visit);
    }
    visit(schema, pointer);
}

/// Makes a schema a component of the name `place`. Its `$defs` become components of their own, which are returned: named
/// `place.NAME`, by the keys they had. References lead to the components.
pub fn hoist(schema: &mut Value, place: &str, reserved: &[&str]) -> BTreeMap<String, Value> {
    // They say where the schema is by itself.
    for keyword in ["$schema", "$id"] {
        schema.as_object_mut().and_then(|fields| fields.remove(keyword));
    }
    let mut anchors = BTreeMap::new();
    let mut moved: Vec<(String, String, Value)> = Vec::new();
    walk(schema, "", &mut |part, pointer| {
        let Some(fields) = part.as_object_mut() else { return };
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(Value::String(name)) = fields.remove(keyword) {
                anchors.insert(name, pointer.to_owned());
            }
        }
        for keyword in ["$defs", "definitions"] {
            if let Some(Value::Object(definitions)) = fields.remove(keyword) {
                for (key, definition) in definitions {
                    let name = free_name(place, &key, reserved, &moved);
                    moved.push((format!("{pointer}/{keyword}/{}", escaped(&key)), name, definition));
                }
            }
        }
    });
    let places: Vec<(String, String)> =
        moved.iter().map(|(pointer, name, _)| (pointer.clone(), name.clone())).collect();
    let mut redirect = |part: &mut Value, _: &str| {
        let Some(fields) = part.as_object_mut() else { return };
        let reference = fields.remove("$dynamicRef").or_else(|| fields.remove("$ref"));
        if let Some(reference) = reference {
            let target = reference.as_str().and_then(|text| component_of(text, place, &anchors, &places));
            fields.insert("$ref".to_owned(), target.map_or(reference, Value::String));
        }
    };
    walk(schema, "", &mut redirect);
    let mut components = BTreeMap::new();
    for (_, name, mut definition) in moved {
        walk(&mut definition, "", &mut redirect);
        components.insert(name, definition);
    }
    components
}

/// Where a reference leads to once the schema is a component; none for a reference to elsewhere.
fn component_of(
    reference: &str,
    place: &str,
    anchors: &BTreeMap<String, String>,
    places: &[(String, String)],
) -> Option<String> {
    let fragment = reference.strip_prefix('#')?;
    let pointer = anchors.get(fragment).map_or(fragment, String::as_str);
    let within = |outer: &str| {
        let rest = pointer.strip_prefix(outer)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    };
    let nearest = places
        .iter()
        .filter_map(|(outer, name)| Some((within(outer)?, name.as_str())))
        .min_by_key(|(rest, _)| rest.len());
    let (rest, name) = nearest.unwrap_or((pointer, place));
    Some(format!("#/components/schemas/{name}{rest}"))
}

/// A component's name for a definition: OpenAPI allows only these characters.
fn free_name(place: &str, key: &str, reserved: &[&str], moved: &[(String, String, Value)]) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let key: String = key.chars().map(allowed).collect();
    let candidates = (1..).map(|count| if count == 1 { key.clone() } else { format!("{key}_{count}") });
    let is_free = |name: &String| {
        !reserved.contains(&name.as_str()) && moved.iter().all(|(_, taken, _)| *taken != format!("{place}.{name}"))
    };
    format!("{place}.{}", candidates.into_iter().find(is_free).unwrap_or(key))
}

/// A step of a JSON Pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn definitions_become_components_of_the_schemas_name_and_references_follow() {
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
                "author": {"$ref": "#/$defs/person"},
                "editor": {"$ref": "#/$defs/person/properties/friend"},
                "again": {"$ref": "#/properties/author"},
                "self": {"$ref": "#"},
                "marked": {"$ref": "#mark"},
                "title": {"type": "string", "default": {"$ref": "#/$defs/person"}},
                "$defs": {"type": "string"},
            },
            "$defs": {
                "person": {
                    "$anchor": "mark",
                    "properties": {"friend": {"$ref": "#/$defs/person"}, "home": {"$ref": "#/$defs/person/$defs/place"}},
                    "$defs": {"place": {"type": "string"}},
                },
                "a b": {"type": "string"},
                "document": {"$ref": "#/$defs/a b"},
            },
        });
        let components = hoist(&mut schema, "c.posts", &["document"]);
        let names: Vec<&str> = components.keys().map(String::as_str).collect();
        assert_eq!(names, ["c.posts.a_b", "c.posts.document_2", "c.posts.person", "c.posts.place"]);
        let at = |pointer: &str| schema.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!(at("/properties/author/$ref"), "#/components/schemas/c.posts.person");
        assert_eq!(at("/properties/editor/$ref"), "#/components/schemas/c.posts.person/properties/friend");
        assert_eq!(at("/properties/again/$ref"), "#/components/schemas/c.posts/properties/author");
        assert_eq!(at("/properties/self/$ref"), "#/components/schemas/c.posts");
        assert_eq!(at("/properties/marked/$ref"), "#/components/schemas/c.posts.person");
        assert_eq!(at("/properties/title/default/$ref"), "#/$defs/person");
        assert_eq!(schema["properties"]["$defs"], json!({"type": "string"}));
        let person = &components["c.posts.person"];
        assert_eq!(person["properties"]["friend"]["$ref"], "#/components/schemas/c.posts.person");
        assert_eq!(person["properties"]["home"]["$ref"], "#/components/schemas/c.posts.place");
        assert_eq!(components["c.posts.document_2"]["$ref"], "#/components/schemas/c.posts.a_b");
        assert!(person.get("$defs").is_none() && schema.get("$defs").is_none() && schema.get("$schema").is_none());
    }
}
