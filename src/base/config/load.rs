//! Merges the layers: defaults, preset, file, environment, flags.

use super::{Config, plans, presets};
use crate::base::input::plain::{Names, must_be, plain};
use figment::error::{Actual, Kind};
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::Dict;
use figment::{Figment, Provider};
use std::borrow::Cow;
use std::path::PathBuf;

/// The prefix of environment variables.
const ENVIRONMENT: &str = "KEYWARD__";
const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// The sources of configuration beside the built-in defaults and the environment.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config FILE` or `KEYWARD_CONFIG`.
    pub file: Option<PathBuf>,
    /// TOML below the file: the defaults of a command such as `demo`.
    pub under_file: Cow<'static, str>,
    /// `DATABASE_URL`, which takes precedence over `KEYWARD__DATABASE__URL`.
    pub database_url: Option<String>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--no-migrate`.
    pub no_migrate: bool,
}

/// Reads and checks the configuration.
///
/// # Errors
/// A text for the operator: the layer, the key, the value and what is allowed.
pub fn load(sources: &Sources) -> Result<Config, String> {
    let mut over = Figment::new();
    let mut file = String::new();
    if let Some(path) = &sources.file {
        if !path.is_file() {
            return Err(format!("{}: there is no such configuration file", path.display()));
        }
        over = over.merge(Toml::file_exact(path));
        // Only for the order of its plans: the line above reports an unreadable file.
        file = std::fs::read_to_string(path).unwrap_or_default();
    }
    over = over.merge(Env::prefixed(ENVIRONMENT).split("__"));
    if let Some(url) = &sources.database_url {
        over = over.merge(Named("--database-url or DATABASE_URL", Serialized::default("database.url", url)));
    }
    if let Some(listen) = &sources.listen {
        over = over.merge(Named("--listen", Serialized::default("server.listen", listen)));
    }
    if sources.no_migrate {
        over = over.merge(Named("--no-migrate", Serialized::default("database.migrate", false)));
    }
    let mut layers = Figment::from(Named("the built-in defaults", Toml::string(DEFAULTS)))
        .merge(Named("the command's defaults", Toml::string(&sources.under_file)));
    // A preset replaces whole lists and single table keys of the defaults. The layers above replace the preset's.
    let mut preset = "";
    match over.extract_inner::<String>("preset") {
        Ok(name) => {
            preset = presets::find(&name)?.text;
            layers = layers.merge(Named("the preset", Toml::string(preset)));
        }
        Err(error) if error.clone().into_iter().all(|error| matches!(error.kind, Kind::MissingField(_))) => {}
        Err(error) => return Err(explain(error)),
    }
    let layers = layers.merge(over);
    check_sections(&layers)?;
    let mut config: Config = layers.extract().map_err(explain)?;
    plans::rank(&mut config.plans, &[DEFAULTS, &sources.under_file, preset, &file]);
    config.check()?;
    Ok(config)
}

/// Checks that each section is a table. serde also reads a list by position, and its errors would have values of secrets.
fn check_sections(layers: &Figment) -> Result<(), String> {
    let defaults: Dict = Figment::from(Toml::string(DEFAULTS)).extract().map_err(explain)?;
    for (name, _) in defaults.iter().filter(|(_, default)| default.as_dict().is_some()) {
        if let Ok(value) = layers.find_value(name)
            && value.as_dict().is_none()
        {
            let mut error = figment::Error::from(Kind::InvalidType(value.to_actual(), SECTION.into())).with_path(name);
            error.metadata = layers.get_metadata(value.tag()).cloned();
            return Err(explain(error));
        }
    }
    Ok(())
}

/// The form of a section, in errors.
const SECTION: &str = "a section";

/// A provider with a name for error messages.
struct Named<P>(&'static str, P);

impl<P: Provider> Provider for Named<P> {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named(self.0)
    }

    fn data(&self) -> figment::Result<figment::value::Map<figment::Profile, figment::value::Dict>> {
        self.1.data()
    }
}

/// Writes a line for each error: the source, the key, the value and what is allowed.
fn explain(errors: figment::Error) -> String {
    let lines: Vec<String> = errors
        .into_iter()
        .map(|error| {
            let (place, key) = match &error.metadata {
                Some(metadata) if metadata.name.contains("environment") => {
                    ("environment".to_owned(), format!("{ENVIRONMENT}{}", error.path.join("__").to_uppercase()))
                }
                Some(metadata) => match &metadata.source {
                    Some(source) => (source.to_string(), error.path.join(".")),
                    None => (metadata.name.to_string(), error.path.join(".")),
                },
                None => (String::new(), error.path.join(".")),
            };
            let in_list = error.path.iter().any(|part| part.parse::<usize>().is_ok());
            let key = match &error.kind {
                // The path is that of the section.
                Kind::MissingField(name) => [key.as_str(), name].join(if key.contains("__") { "__" } else { "." }),
                _ => key,
            };
            let parts = [place, key, message(error.kind, in_list)];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
        })
        .collect();
    lines.join("\n")
}

/// Returns the message of an error. It has the value only if a single value that is no secret was expected, outside of
/// lists.
///
/// A [`Secret`](super::Secret) keeps its own value out of errors. What stands where a section or a list belongs may be a
/// secret, and so may a line that is not TOML.
fn message(kind: Kind, in_list: bool) -> String {
    let compounds = [SECTION, "struct ", "map", "a map", "sequence", "a sequence", "tuple"];
    let hides = |expected: &str| in_list || compounds.iter().any(|start| expected.starts_with(start));
    match kind {
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            let found = if hides(&expected) { name_of(&actual).to_owned() } else { shown(&actual) };
            format!("must be {}, not {found}", must_be(&expected, SETTINGS))
        }
        Kind::InvalidLength(length, expected) => format!("must be {}; it has {length}", must_be(&expected, SETTINGS)),
        Kind::UnknownVariant(found, known) => format!("must be one of: {}; not {found:?}", known.join(", ")),
        Kind::UnknownField(name, known) => {
            format!("`{name}` is not a known setting; known settings are {}", known.join(", "))
        }
        Kind::MissingField(_) => "must be set".to_owned(),
        Kind::DuplicateField(_) => "is there twice".to_owned(),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "is too large or too small a number".to_owned(),
        Kind::Unsupported(actual) | Kind::UnsupportedKey(actual, _) => {
            format!("has {} where none belongs", name_of(&actual))
        }
        Kind::Message(text) if text.starts_with(SYNTAX_ERROR) => {
            let place = text.lines().next().unwrap_or(SYNTAX_ERROR);
            format!("{place}; the line is not repeated here, because it may have a secret")
        }
        Kind::Message(text) => plain(&text),
    }
}

/// The names of compound values in a configuration file.
const SETTINGS: Names = Names { object: "a table", array: "a list", text: "a text" };

/// Returns a value as it would stand in a file, or else its type.
fn shown(actual: &Actual) -> String {
    match actual {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(value) => value.to_string(),
        Actual::Signed(value) => value.to_string(),
        Actual::Float(value) => value.to_string(),
        Actual::Char(value) => format!("{value:?}"),
        Actual::Str(value) => format!("{value:?}"),
        other => name_of(other).to_owned(),
    }
}

/// The start of the TOML parser's errors, which quote a line of the file.
const SYNTAX_ERROR: &str = "TOML parse error";

/// Returns the type of a value.
fn name_of(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "a boolean",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) => "a text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "another type",
    }
}
