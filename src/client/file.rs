//! The client's file: a key, a workspace and a URL, in the user's configuration directory, for its owner only.
//!
//! `$XDG_CONFIG_HOME/keyward/client.toml`, else `~/.config/keyward/client.toml`; on macOS too, where command lines such
//! as git's and gh's keep theirs there.

use crate::client::failure::Failure;
use crate::client::layer::Layer;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<'t> {
    api_key: Option<std::borrow::Cow<'t, str>>,
    workspace_id: Option<std::borrow::Cow<'t, str>>,
    url: Option<std::borrow::Cow<'t, str>>,
}

/// Returns the file's path; `None` for a user without a home.
pub fn path() -> Option<PathBuf> {
    // The XDG specification ignores relative paths.
    let configured = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let directory = configured.or_else(|| std::env::home_dir().map(|home| home.join(".config")))?;
    Some(directory.join("keyward/client.toml"))
}

/// Reads the file; an empty layer if there is none.
///
/// # Errors
/// A file that others may read, or that is malformed. The error repeats no line, because one has the key.
pub fn read(path: &Path) -> Result<Layer, Failure> {
    let name = path.display().to_string();
    let failed = |error: io::Error| Failure::NotConfigured(format!("{name}: {error}"));
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Layer::default()),
        opened => opened.map_err(failed)?,
    };
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Failure::NotConfigured(format!(
            "{name}: others than its owner may read it (mode {mode:04o}). Run: chmod 600 {name}"
        )));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let content: Content<'_> = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        Failure::NotConfigured(format!("{name}: line {line} is not understood. Run `keyward configure` again"))
    })?;
    let named = |field: &str| format!("{name}: {field}");
    let values = [
        (named("api_key"), content.api_key.as_deref()),
        (named("workspace_id"), content.workspace_id.as_deref()),
        (named("url"), content.url.as_deref()),
    ];
    Layer::parse(values).map_err(Failure::NotConfigured)
}

/// Writes the file and its directory, for their owner only. A concurrent reader sees the old file or the new one.
///
/// # Errors
/// When the file can't be written; the old file then stays as it was.
pub fn write(path: &Path, layer: &Layer) -> Result<(), Failure> {
    let content = Content {
        api_key: layer.key.as_ref().map(|key| key.expose().into()),
        workspace_id: layer.workspace.as_ref().map(|workspace| workspace.to_string().into()),
        url: layer.url.as_ref().map(|url| url.as_str().into()),
    };
    let written = toml::to_string(&content).map_err(io::Error::other).and_then(|text| replace(path, &text));
    written.map_err(|error| Failure::Here(format!("{}: {error}", path.display())))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{:016x}", rand::random::<u64>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let replaced =
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, path));
    if replaced.is_err() {
        // Only the first error is reported.
        let _ = fs::remove_file(&draft);
    }
    replaced
}
