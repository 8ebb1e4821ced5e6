//! [`Place`]: the files of a demo, in `./data`.

use crate::infra::process::private_file;
use std::env::current_dir;
use std::fs;
use std::io;
use std::path::Path;

/// The files of a demo. Each configuration file has its own, because a database keeps the collections of its
/// configuration, and another configuration lacks them.
pub struct Place {
    pub database: String,
    pub password_file: String,
    name: Option<String>,
}

impl Place {
    /// Returns the place of a configuration file. Without one, the database is the default of the operator's commands.
    pub fn of(file: Option<&Path>) -> Self {
        let name = file.map(name_of);
        let (database, password_file) = match &name {
            None => ("data/keyward.db".to_owned(), "data/demo-password".to_owned()),
            Some(name) => (format!("data/demo-{name}.db"), format!("data/demo-{name}-password")),
        };
        Self { database, password_file, name }
    }

    /// Whether it is the place without a configuration file.
    pub fn is_usual(&self) -> bool {
        self.name.is_none()
    }

    /// Writes the password, for its owner only.
    pub fn keep_password(&self, password: &str) -> io::Result<()> {
        private_file::claim(Path::new(&self.password_file))?;
        fs::write(&self.password_file, format!("{password}\n"))
    }

    /// Returns the password, or where it was.
    pub fn password(&self) -> String {
        fs::read_to_string(&self.password_file)
            .map_or_else(|_| format!("(was in {})", self.password_file), |text| text.trim().to_owned())
    }
}

/// Returns the name of a configuration file: its path from here, without the ending, in plain characters.
fn name_of(file: &Path) -> String {
    let whole = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let here = current_dir().and_then(|here| here.canonicalize()).ok();
    let short = here.as_deref().and_then(|here| whole.strip_prefix(here).ok()).unwrap_or(&whole);
    let text = short.with_extension("").to_string_lossy().into_owned();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    text.trim_start_matches('/').chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_configuration_file_has_a_database_of_its_own() {
        let database = |file: Option<&str>| Place::of(file.map(Path::new)).database;
        assert_eq!(database(None), "data/keyward.db");
        assert_eq!(database(Some("posts.toml")), "data/demo-posts.db");
        assert_eq!(database(Some("nowhere/my posts.toml")), "data/demo-nowhere-my-posts.db");
        assert_eq!(database(Some("/etc/keyward/keyward.toml")), "data/demo-etc-keyward-keyward.db");
        assert_eq!(database(Some("Cargo.toml")), "data/demo-Cargo.db");
        let absolute = current_dir().unwrap().join("Cargo.toml");
        assert_eq!(Place::of(Some(&absolute)).database, "data/demo-Cargo.db");
    }
}
