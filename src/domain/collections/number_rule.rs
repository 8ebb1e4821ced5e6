//! [`NumberRule`]: whether a schema wants a number that 64 bits can't hold.

use super::schema::DocumentSchema;
use serde_json::{Map, Value};

/// The most schemas that apply to one place of a document. More of them are not looked at.
const MAX_SCHEMAS: usize = 256;

/// What a schema says of the numbers at a place of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Number,
    Integer,
    Nothing,
}

/// Answers for one place of a document after another. Common steps of two places are looked up once, so that the time
/// grows with the document.
pub(super) struct NumberRule<'s> {
    schema: &'s DocumentSchema,
    /// The schemas of the document.
    root: Vec<&'s Value>,
    /// The steps to the last place, each with the schemas that apply there.
    levels: Vec<(String, Vec<&'s Value>)>,
}

impl<'s> NumberRule<'s> {
    pub(super) fn of(schema: &'s DocumentSchema) -> Self {
        Self { schema, root: Vec::new(), levels: Vec::new() }
    }

    /// Returns whether the schema wants a number at a place, or says nothing of it and it is not written as an integer.
    pub(super) fn admits_large(&mut self, steps: &[String], is_written_as_integer: bool) -> bool {
        match self.says_of(steps) {
            Says::Number => true,
            Says::Integer => false,
            Says::Nothing => !is_written_as_integer,
        }
    }

    /// Of several schemas that apply there, or may apply, one with the type `number` is enough.
    fn says_of(&mut self, steps: &[String]) -> Says {
        if self.root.is_empty() {
            self.root = with_branches(self.schema, vec![self.schema.source()]);
        }
        let common = self.levels.iter().zip(steps).take_while(|((level, _), step)| level == *step).count();
        self.levels.truncate(common);
        for step in &steps[common..] {
            let above = self.levels.last().map_or(&self.root, |(_, schemas)| schemas);
            let schemas = with_branches(self.schema, above.iter().flat_map(|schema| below(schema, step)).collect());
            self.levels.push((step.clone(), schemas));
        }
        let found = self.levels.last().map_or(&self.root, |(_, schemas)| schemas);
        let has = |name: &str| found.iter().any(|schema| has_type(schema, name));
        if has("number") {
            Says::Number
        } else if has("integer") {
            Says::Integer
        } else {
            Says::Nothing
        }
    }
}

/// Adds the schemas that these refer to, and their branches.
fn with_branches<'s>(root: &'s DocumentSchema, mut schemas: Vec<&'s Value>) -> Vec<&'s Value> {
    let mut next = 0;
    while let Some(schema) = schemas.get(next).copied() {
        next += 1;
        let listed = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|name| schema.get(name)?.as_array()).flatten();
        let single = ["then", "else"].into_iter().filter_map(|name| schema.get(name));
        let referred = schema.get("$ref").and_then(|_| root.resolve(schema));
        for more in listed.chain(single).chain(referred) {
            let is_new = !schemas.iter().any(|known| std::ptr::eq(*known, more));
            if is_new && schemas.len() < MAX_SCHEMAS {
                schemas.push(more);
            }
        }
    }
    schemas
}

/// Returns the schemas of a field or an item.
fn below<'s>(schema: &'s Value, step: &str) -> Vec<&'s Value> {
    let own = schema.get("properties").and_then(|fields| fields.get(step));
    let by_pattern = schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let of_position = step.parse::<usize>().ok().and_then(|place| schema.get("prefixItems")?.get(place));
    let others =
        ["additionalProperties", "unevaluatedProperties", "items"].into_iter().filter_map(|name| schema.get(name));
    match own.or(of_position) {
        Some(own) => by_pattern.chain([own]).collect(),
        None => by_pattern.chain(others).collect(),
    }
}

fn has_type(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(names)) => names.iter().any(|other| other == name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_says_what_a_number_is() {
        let schema = DocumentSchema::compile(Some(json!({
            "type": "object",
            "properties": {
                "count": { "type": ["integer", "null"] },
                "weight": { "$ref": "#/$defs/weight" },
                "either": { "anyOf": [{ "oneOf": [{ "type": "integer" }, { "type": "number" }] }] },
                "pair": { "prefixItems": [{ "type": "integer" }, { "type": "number" }], "items": { "type": "string" } },
                "deep": { "allOf": [{ "properties": { "a": { "items": { "type": "number" } } } }] },
                "loop": { "$ref": "#/$defs/loop" },
            },
            "additionalProperties": { "type": "number" },
            "$defs": { "weight": { "type": "number" }, "loop": { "anyOf": [{ "$ref": "#/$defs/loop" }] } },
        })))
        .unwrap();
        let mut rule = NumberRule::of(&schema);
        for (place, expected) in [
            ("count", Says::Integer),
            ("weight", Says::Number),
            ("either", Says::Number),
            ("pair/0", Says::Integer),
            ("pair/1", Says::Number),
            ("pair/2", Says::Nothing),
            ("deep/a/7", Says::Number),
            ("deep/b/7", Says::Nothing),
            ("loop", Says::Nothing),
            ("other", Says::Number),
        ] {
            let steps: Vec<String> = place.split('/').map(str::to_owned).collect();
            assert_eq!(rule.says_of(&steps), expected, "{place}");
            assert_eq!(NumberRule::of(&schema).says_of(&steps), expected, "{place}");
        }
        let open = DocumentSchema::compile(None).unwrap();
        assert_eq!(NumberRule::of(&open).says_of(&["a".to_owned()]), Says::Nothing);
    }
}
