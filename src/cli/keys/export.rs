//! `keyward keys export`

use crate::base::ids::{OrganizationId, WorkspaceId};
use crate::base::time::Clock;
use crate::domain::api_keys::csv::CsvWriter;
use crate::domain::api_keys::export::{ExportScope, ExportedKey, KeyExport};
use crate::domain::api_keys::import::file::FileFormat;
use crate::infra::db::ScopedDb;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What to export.
#[derive(clap::Args)]
pub struct ExportArgs {
    /// Only the keys of this organization.
    #[arg(long, value_name = "ID", conflicts_with = "workspace")]
    organization: Option<OrganizationId>,
    /// Only the keys of this workspace.
    #[arg(long, value_name = "ID")]
    workspace: Option<WorkspaceId>,
    /// Keys that are revoked or expired, too.
    #[arg(long)]
    all: bool,
    /// How to write it; left out, the ending of --output says so, or else jsonl.
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// A new file that only you can read; left out, standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command. The keys go to the output, and all else to standard error.
pub fn run(db: &ScopedDb, args: &ExportArgs) -> Result<(), String> {
    let format = args.format.or_else(|| args.output.as_deref().and_then(FileFormat::of_path));
    let format = format.unwrap_or(FileFormat::Jsonl);
    let Some(path) = &args.output else { return write(db, args, format, io::stdout().lock()) };
    let name = path.display();
    let file = create(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{name} is there already; name another file, or take it away"),
        _ => format!("{name}: {error}"),
    })?;
    let written = write(db, args, format, &file).and_then(|()| file.sync_all().map_err(|error| error.to_string()));
    written.map_err(|error| {
        // A partial file could be taken for a complete one.
        let _ = std::fs::remove_file(path);
        format!("{name}: {error}")
    })
}

/// Makes a new file for its owner only. It refuses an existing file, which others may be able to read.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

enum Sink<W: Write> {
    Jsonl(W),
    Csv(Box<CsvWriter<W>>),
}

impl<W: Write> Sink<W> {
    fn open(format: FileFormat, out: W) -> io::Result<Self> {
        if format == FileFormat::Jsonl {
            return Ok(Self::Jsonl(out));
        }
        let mut writer = CsvWriter::new(out);
        writer.write_row(ExportedKey::columns().map(|field| field.name()))?;
        Ok(Self::Csv(Box::new(writer)))
    }

    fn put(&mut self, key: &ExportedKey) -> io::Result<()> {
        match self {
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut *out, &key.object())?;
                out.write_all(b"\n")
            }
            Self::Csv(writer) => writer.write_row(ExportedKey::columns().map(|field| field.text_of(key))),
        }
    }

    fn close(self) -> io::Result<()> {
        match self {
            Self::Jsonl(mut out) => out.flush(),
            Self::Csv(mut writer) => writer.flush(),
        }
    }
}

fn write(db: &ScopedDb, args: &ExportArgs, format: FileFormat, out: impl Write) -> Result<(), String> {
    let scope = match (args.organization, args.workspace) {
        (_, Some(id)) => ExportScope::Workspace(id),
        (Some(id), None) => ExportScope::Organization(id),
        (None, None) => ExportScope::Everything,
    };
    let now = Clock::system().now();
    let mut export = KeyExport::new(scope, args.all, now);
    let failed = |error: io::Error| error.to_string();
    let mut sink = Sink::open(format, BufWriter::new(out)).map_err(failed)?;
    let (mut count, mut with_older_value) = (0_u64, 0_u64);
    loop {
        let page = db.read_blocking(|conn| export.next(conn)).map_err(|error| error.to_string())?;
        if page.is_empty() {
            break;
        }
        for key in page {
            count += 1;
            with_older_value += u64::from(key.has_older_value(now));
            sink.put(&key).map_err(failed)?;
        }
    }
    sink.close().map_err(failed)?;
    eprintln!("{count} keys");
    if with_older_value > 0 {
        eprintln!(
            "{with_older_value} of them were rolled with an overlap: their older value, which still works here, is not in it"
        );
    }
    Ok(())
}
