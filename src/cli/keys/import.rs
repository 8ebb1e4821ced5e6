//! `keyward keys import`

use crate::base::config::Config;
use crate::base::time::Clock;
use crate::domain::api_keys::KeyFormat;
use crate::domain::api_keys::import::fields::LineFault;
use crate::domain::api_keys::import::file::FileFormat;
use crate::domain::api_keys::import::{CheckedImport, ImportSettings, check};
use crate::domain::changes::ScopedStore;
use crate::infra::db::ScopedDb;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

/// The most line errors that are printed.
const SHOWN: u64 = 1_000;

/// What to import.
#[derive(clap::Args)]
pub struct ImportArgs {
    /// The file; - is standard input.
    file: PathBuf,
    /// How it is written; left out, its name's ending says so.
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// The workspace of rows that name none.
    #[arg(long, value_name = "ID")]
    workspace: Option<String>,
    /// The creator of rows that name none: the id of a user, or an e-mail address.
    #[arg(long, value_name = "USER")]
    creator: Option<String>,
    /// A workspace or a person that the file knows by another name, and its id here. May be given several times.
    #[arg(long, value_name = "OLD=NEW", value_parser = renaming)]
    map: Vec<(String, String)>,
    /// Only check the file.
    #[arg(long)]
    dry_run: bool,
}

fn renaming(text: &str) -> Result<(String, String), String> {
    let (old, new) =
        text.rsplit_once('=').filter(|(old, new)| !old.is_empty() && !new.is_empty()).ok_or("must be OLD=NEW")?;
    Ok((old.to_owned(), new.to_owned()))
}

/// Runs the command. Errors of lines go to standard error, and the summary to standard output.
pub fn run(config: &Config, db: &ScopedDb, args: &ImportArgs) -> Result<(), String> {
    let name = args.file.display();
    let format = args.format.or_else(|| FileFormat::of_path(&args.file));
    let format = format.ok_or_else(|| format!("{name}: say how it is written by --format jsonl or --format csv"))?;
    let reader: Box<dyn BufRead> = match args.file.to_str() {
        Some("-") => Box::new(BufReader::new(std::io::stdin())),
        _ => Box::new(BufReader::new(File::open(&args.file).map_err(|error| format!("{name}: {error}"))?)),
    };
    let clock = Clock::system();
    let catalog = Arc::new(config.permission_catalog()?);
    let settings = ImportSettings {
        config,
        format: KeyFormat::new(&config.keys),
        catalog: &catalog,
        workspace: args.workspace.clone(),
        creator: args.creator.clone(),
        renamed: args.map.iter().cloned().collect(),
        now: clock.now(),
    };
    let lines = format.read(reader).map_err(|error| format!("{name}: {error}"))?;
    let mut shown = 0;
    let report = |line: u64, fault: &LineFault| {
        shown += 1;
        if shown <= SHOWN {
            eprintln!("line {line}: {fault}");
        }
    };
    let checked = check(db, &settings, lines, report).map_err(|error| format!("{name}: {error}"))?;
    if shown > SHOWN {
        eprintln!("… and {} more", shown - SHOWN);
    }
    let summary = &checked.summary;
    if summary.wrong > 0 {
        return Err(format!("{} lines are wrong: nothing was imported", summary.wrong));
    }
    for (count, what) in [
        (summary.there, "are there already"),
        (summary.gone, "were imported before and rolled or deleted since: left alone"),
        (
            summary.unknown_start,
            "have a preview that starts like no key this server knows: see [[keys.imported]] in its configuration",
        ),
    ] {
        if count > 0 {
            println!("{count} {what}");
        }
    }
    if args.dry_run {
        println!("{} would be imported", summary.new);
        return Ok(());
    }
    let imported = import(config, db, &clock, checked)?;
    println!("{imported} imported");
    Ok(())
}

fn import(config: &Config, db: &ScopedDb, clock: &Clock, checked: CheckedImport) -> Result<u64, String> {
    let mut done = 0;
    let store = ScopedStore::for_command(config, db.clone(), clock)?;
    let imported = checked.import(&store, clock.now(), |count| done = count);
    imported.map_err(|error| format!("{error}\n{done} were imported before that; the same command goes on from there"))
}
