//! [`Reader`]: reads a JSON text with each number's exact value.

use super::body::escaped;
use super::number_rule::NumberRule;
use super::schema::{DocumentSchema, MAX_FAULTS};
use crate::base::error::FieldError;
use crate::base::json_number::{BEYOND_64_BITS, JsonNumber, Literals, is_integer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// A JSON value is read by [`DeserializeSeed`]. It has no duplicate field names, and no rounded number.
pub(super) struct Reader<'t, 's> {
    /// The numbers that are still to be read. `serde_json` itself rounds them.
    literals: Literals<'t>,
    /// Where the reading is, from the start of the body.
    steps: Vec<String>,
    /// The number of steps to the document.
    depth: usize,
    rule: NumberRule<'s>,
    /// The first numbers beyond 64 bits that the schema does not want.
    pub(super) faults: Vec<FieldError>,
    /// The rule that the number breaks at which the reading ended.
    pub(super) inexact: Option<&'static str>,
}

impl<'t, 's> Reader<'t, 's> {
    /// Begins to read a body, whose document is `depth` steps from its start.
    pub(super) fn of(json: &'t [u8], schema: &'s DocumentSchema, depth: usize) -> Self {
        let (literals, rule) = (Literals::of(json), NumberRule::of(schema));
        Self { literals, steps: Vec::new(), depth, rule, faults: Vec::new(), inexact: None }
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
        let in_document = self.steps.get(self.depth..).unwrap_or_default();
        if number.is_beyond_64_bits()
            && self.faults.len() < MAX_FAULTS
            && !self.rule.admits_large(in_document, is_integer(literal))
        {
            let field = self.steps.iter().map(|step| format!("/{}", escaped(step))).collect();
            self.faults.push(FieldError { field, message: BEYOND_64_BITS.to_owned() });
        }
        Ok(number.into())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Reader<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Reader<'_, '_> {
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
