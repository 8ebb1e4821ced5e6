//! [`Shape`]: a schema of the document, and the values that it does not allow.

use serde_json::{Value, json};

/// Well-formed, but not acceptable.
const REFUSED: &[u16] = &[422];
/// The schema allows it; that there is no such thing is found out later.
const UNKNOWN: &[u16] = &[404, 422];

/// A schema with its references followed.
#[derive(Clone, Copy)]
pub struct Shape<'d> {
    root: &'d Value,
    schema: &'d Value,
    is_nullable: bool,
}

/// A value that must be refused.
pub struct Wrong {
    /// Where it is wrong, and how.
    pub what: String,
    pub value: Value,
    /// With one of these.
    pub statuses: &'static [u16],
}

impl Wrong {
    fn new(what: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { what: what.into(), value: value.into(), statuses: REFUSED }
    }

    /// The same as a part of something else.
    fn inside(self, name: &str, whole: impl FnOnce(Value) -> Value) -> Self {
        Self { what: format!("{name} {}", self.what), value: whole(self.value), statuses: self.statuses }
    }
}

impl<'d> Shape<'d> {
    pub fn of(root: &'d Value, schema: &'d Value) -> Self {
        let mut shape = Self { root, schema, is_nullable: false };
        loop {
            if let Some(reference) = shape.schema["$ref"].as_str() {
                let found = root.pointer(reference.trim_start_matches('#'));
                shape.schema = found.unwrap_or_else(|| panic!("the document has no {reference}"));
            } else if let Some(choices) = shape.schema["oneOf"].as_array() {
                let others = choices.iter().filter(|choice| choice["type"] != "null").collect::<Vec<_>>();
                let [only] = others[..] else { panic!("a choice that the matrix does not know: {}", shape.schema) };
                (shape.schema, shape.is_nullable) = (only, shape.is_nullable || choices.len() > 1);
            } else {
                shape.is_nullable |=
                    shape.schema["type"].as_array().is_some_and(|types| types.contains(&json!("null")));
                return shape;
            }
        }
    }

    fn kind(&self) -> &'d str {
        let kinds = &self.schema["type"];
        let first = kinds.as_array().and_then(|kinds| kinds.iter().find(|kind| *kind != "null")).unwrap_or(kinds);
        first.as_str().unwrap_or_else(|| panic!("a schema without a type: {}", self.schema))
    }

    /// The fields of an object.
    pub fn properties(&self) -> impl Iterator<Item = (&'d str, Self)> {
        let properties = self.schema["properties"].as_object().into_iter().flatten();
        properties.map(|(name, schema)| (name.as_str(), Self::of(self.root, schema)))
    }

    fn items(&self) -> Self {
        Self::of(self.root, &self.schema["items"])
    }

    /// What a body that the server accepts has and the document does not allow, or the other way round.
    pub fn objection(&self, value: &Value) -> Option<String> {
        match value {
            Value::Object(fields) => {
                if self.schema["additionalProperties"] == true {
                    return None;
                }
                let documented: Vec<_> = self.properties().collect();
                let unknown = fields.keys().find(|name| documented.iter().all(|(known, _)| known != name));
                let absent = documented.iter().find(|(name, _)| !fields.contains_key(*name));
                let within = || {
                    documented
                        .iter()
                        .find_map(|(name, shape)| Some(format!("{name}: {}", shape.objection(&fields[*name])?)))
                };
                unknown
                    .map(|name| format!("the document does not know {name}"))
                    .or_else(|| absent.map(|(name, _)| format!("the table's body lacks {name}")))
                    .or_else(within)
            }
            Value::Array(items) => items.iter().find_map(|item| self.items().objection(item)),
            _ => {
                let choices = self.schema["enum"].as_array();
                choices
                    .filter(|choices| !choices.contains(value))
                    .map(|choices| format!("{value} is not one of {choices:?}"))
            }
        }
    }

    /// Values of other types, and of this type beyond its bounds. `valid` is what to spoil.
    pub fn wrong_values(&self, valid: &Value) -> Vec<Wrong> {
        if self.schema["type"].is_null() {
            // No value of a field that takes any is wrong.
            return Vec::new();
        }
        let mut wrong = match self.kind() {
            "object" => self.wrong_objects(valid),
            "array" => self.wrong_arrays(valid),
            "string" => self.wrong_strings(valid.as_str().expect("the table's body has a text where the schema has")),
            "integer" => self.wrong_integers(),
            "boolean" => Vec::new(),
            other => panic!("a type that the matrix does not know: {other}"),
        };
        let samples = [
            ("object", json!({})),
            ("array", json!([])),
            ("string", json!("x")),
            ("integer", json!(1)),
            ("boolean", json!(true)),
        ];
        for (kind, sample) in samples {
            if kind != self.kind() {
                wrong.push(Wrong::new(format!("of type {kind}"), sample));
            }
        }
        if !self.is_nullable {
            wrong.push(Wrong::new("null", Value::Null));
        }
        wrong
    }

    fn wrong_objects(&self, valid: &Value) -> Vec<Wrong> {
        let with = |name: &str, value: Value| {
            let mut changed = valid.clone();
            changed[name] = value;
            changed
        };
        let mut wrong = Vec::new();
        for (name, shape) in self.properties() {
            let of_field = shape.wrong_values(&valid[name]);
            wrong.extend(of_field.into_iter().map(|one| one.inside(name, |value| with(name, value))));
        }
        for name in self.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let mut lacking = valid.clone();
            lacking.as_object_mut().expect("an object").remove(name);
            wrong.push(Wrong::new(format!("without {name}"), lacking));
        }
        if self.schema["additionalProperties"] == false {
            wrong.push(Wrong::new("with an unknown field", with("unknown", json!(1))));
            wrong.push(Wrong::new("with an empty field name", with("", json!(1))));
        }
        // serde takes an array for a struct: the fields in their order.
        let values = valid.as_object().expect("an object").values().cloned().collect();
        wrong.push(Wrong::new("as an array of its values", Value::Array(values)));
        wrong
    }

    fn wrong_arrays(&self, valid: &Value) -> Vec<Wrong> {
        let item = &valid[0];
        let of_item = self.items().wrong_values(item).into_iter();
        let mut wrong: Vec<Wrong> = of_item.map(|one| one.inside("[0]", |value| json!([value]))).collect();
        if let Some(most) = self.schema["maxItems"].as_u64() {
            let too_many = std::iter::repeat_n(item.clone(), usize::try_from(most).expect("small") + 1).collect();
            wrong.push(Wrong::new(format!("{} items", most + 1), Value::Array(too_many)));
        }
        wrong
    }

    fn wrong_integers(&self) -> Vec<Wrong> {
        let beyond = |bound: &str, step: i64| self.schema[bound].as_i64().map(|bound| json!(bound + step));
        let values =
            [Some(json!(1.5)), Some(json!(1e30)), Some(json!("1")), beyond("minimum", -1), beyond("maximum", 1)];
        values.into_iter().flatten().map(|value| Wrong::new(format!("{value}"), value)).collect()
    }

    fn wrong_strings(&self, valid: &str) -> Vec<Wrong> {
        let schema = self.schema;
        if schema["format"] == "password" {
            // A credential to check: any text is answered.
            return Vec::new();
        }
        let is_bounded =
            ["maxLength", "minLength", "enum", "pattern", "format"].iter().any(|rule| !schema[*rule].is_null());
        let mut texts: Vec<String> = ["a\0b", "a\u{7}b", "a\u{1b}[31mb", "\u{202e}b"].map(String::from).into();
        texts.push("x".repeat(10_000));
        if schema["minLength"].as_u64() != Some(0) {
            texts.extend(["".to_owned(), "   ".to_owned()]);
        }
        if let Some(most) = schema["maxLength"].as_u64() {
            texts.push("é".repeat(usize::try_from(most).expect("small") + 1));
        }
        if !schema["enum"].is_null() {
            texts.extend(["nonsense".to_owned(), valid.to_uppercase(), format!("{valid} ")]);
        }
        if !schema["pattern"].is_null() {
            let other = if valid.starts_with("inv_") { "key_" } else { "inv_" };
            let of_another_kind = format!("{other}{}", valid.rsplit('_').next().unwrap_or_default());
            texts.extend([
                "x".to_owned(),
                valid.to_uppercase(),
                format!("{valid}\0"),
                format!(" {valid}"),
                of_another_kind,
            ]);
        }
        texts.extend(
            match schema["format"].as_str() {
                Some("email") => {
                    ["ada", "ada@example", "a b@example.com", "ada@@example.com", "@example.com"].as_slice()
                }
                // A moment that usually is past must be so.
                Some("date-time") if valid < "2026" => {
                    &["tomorrow", "2099-01-01", "2099-02-30T00:00:00Z", "2099-01-01T00:00:00", "2099-01-01T00:00:00Z"]
                }
                Some("date-time") => {
                    &["tomorrow", "2099-01-01", "2099-02-30T00:00:00Z", "2099-01-01T00:00:00", "2001-01-01T00:00:00Z"]
                }
                _ => &[],
            }
            .iter()
            .map(ToString::to_string),
        );
        let statuses = if is_bounded { REFUSED } else { UNKNOWN };
        let named = |text: String| (text.chars().take(30).collect::<String>(), text);
        let wrong = texts.into_iter().map(named).map(|(start, text)| Wrong::new(format!("{start:?}"), text));
        wrong.map(|one| Wrong { statuses, ..one }).collect()
    }
}
