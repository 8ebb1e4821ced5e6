//! [`Reader`]: reads a JSON text with each number's exact value. [`DocumentSchema::says_of`]: whether the schema lets a
//! number be larger than 64 bits.

use super::body::escaped;
use super::schema::DocumentSchema;
use crate::base::json_number::{BEYOND_64_BITS, JsonNumber, Literals, is_integer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// The most schemas that apply to one place of a document. More of them are not looked at.
const MAX_SCHEMAS: usize = 256;

/// What a schema says of the numbers at a place of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Number,
    Integer,
    Nothing,
}

/// A number beyond 64 bits, which a double keeps exactly.
#[derive(Debug)]
pub(super) struct LargeNumber {
    /// Its steps from the start of the body.
    steps: Vec<String>,
    is_written_as_integer: bool,
}

impl LargeNumber {
    /// Its JSON Pointer in the body.
    pub(super) fn pointer(&self) -> String {
        self.steps.iter().map(|step| format!("/{}", escaped(step))).collect()
    }

    /// Checks that the schema wants a number there, or that an undeclared one is not meant to be an integer. `depth` is
    /// the number of steps to the document in the body.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn check(&self, schema: &DocumentSchema, depth: usize) -> Result<(), &'static str> {
        match schema.says_of(self.steps.get(depth..).unwrap_or_default()) {
            Says::Number => Ok(()),
            Says::Nothing if !self.is_written_as_integer => Ok(()),
            Says::Integer | Says::Nothing => Err(BEYOND_64_BITS),
        }
    }
}

/// A JSON value is read by [`DeserializeSeed`]. It has no duplicate field names, and no rounded number.
pub(super) struct Reader<'t> {
    /// The numbers that are still to be read. `serde_json` itself rounds them.
    literals: Literals<'t>,
    steps: Vec<String>,
    pub(super) large: Vec<LargeNumber>,
    /// The rule that the number breaks at which the reading ended.
    pub(super) inexact: Option<&'static str>,
}

impl<'t> Reader<'t> {
    pub(super) fn of(json: &'t [u8]) -> Self {
        Self { literals: Literals::of(json), steps: Vec::new(), large: Vec::new(), inexact: None }
    }

    /// Returns the rule that the next number breaks. `serde_json` itself ends at a number above all doubles.
    pub(super) fn next_breaks(&mut self) -> Option<&'static str> {
        JsonNumber::parse(self.literals.next()?)?.err()
    }

    fn number<E: Error>(&mut self) -> Result<Value, E> {
        let literal = self.literals.next().ok_or_else(|| E::custom("a number is not in the text"))?;
        let number = JsonNumber::parse(literal).ok_or_else(|| E::custom("not a number"))?;
        let number = number.map_err(|rule| {
            self.inexact = Some(rule);
            E::custom(rule)
        })?;
        if number.is_beyond_64_bits() {
            let is_written_as_integer = is_integer(literal);
            self.large.push(LargeNumber { steps: self.steps.clone(), is_written_as_integer });
        }
        Ok(number.into())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value, E> {
        self.number()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Value, E> {
        self.number()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        self.number()
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        loop {
            self.steps.push(all.len().to_string());
            let item = items.next_element_seed(&mut *self)?;
            self.steps.pop();
            match item {
                Some(item) => all.push(item),
                None => return Ok(Value::Array(all)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            self.steps.push(name.clone());
            let value = fields.next_value_seed(&mut *self)?;
            self.steps.pop();
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("a field comes twice"));
            }
        }
        Ok(Value::Object(all))
    }
}

impl DocumentSchema {
    /// Returns what the schema says of the numbers at a place. Of several schemas that apply there, or may apply, one
    /// with the type `number` is enough.
    fn says_of(&self, steps: &[String]) -> Says {
        let root = vec![self.source()];
        let found = steps.iter().fold(self.with_branches(root), |schemas, step| {
            self.with_branches(schemas.into_iter().flat_map(|schema| below(schema, step)).collect())
        });
        let has = |name: &str| found.iter().any(|schema| has_type(schema, name));
        if has("number") {
            Says::Number
        } else if has("integer") {
            Says::Integer
        } else {
            Says::Nothing
        }
    }

    /// Adds the schemas that these refer to, and their branches.
    fn with_branches<'s>(&'s self, mut schemas: Vec<&'s Value>) -> Vec<&'s Value> {
        let mut next = 0;
        while let Some(schema) = schemas.get(next).copied() {
            next += 1;
            let listed =
                ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|name| schema.get(name)?.as_array()).flatten();
            let single = ["then", "else"].into_iter().filter_map(|name| schema.get(name));
            let referred = schema.get("$ref").and_then(|_| self.resolve(schema));
            for more in listed.chain(single).chain(referred) {
                let is_new = !schemas.iter().any(|known| std::ptr::eq(*known, more));
                if is_new && schemas.len() < MAX_SCHEMAS {
                    schemas.push(more);
                }
            }
        }
        schemas
    }
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
                "either": { "anyOf": [{ "type": "string" }, { "oneOf": [{ "type": "integer" }, { "type": "number" }] }] },
                "pair": { "prefixItems": [{ "type": "integer" }, { "type": "number" }], "items": { "type": "string" } },
                "deep": { "allOf": [{ "properties": { "a": { "items": { "type": "number" } } } }] },
                "loop": { "$ref": "#/$defs/loop" },
            },
            "additionalProperties": { "type": "number" },
            "$defs": { "weight": { "type": "number" }, "loop": { "anyOf": [{ "$ref": "#/$defs/loop" }] } },
        })))
        .unwrap();
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
            assert_eq!(schema.says_of(&steps), expected, "{place}");
        }
        let open = DocumentSchema::compile(None).unwrap();
        assert_eq!(open.says_of(&["a".to_owned()]), Says::Nothing);
    }
}
