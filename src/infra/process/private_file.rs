//! Files that only their owner may read: keys, passwords, and databases with password hashes.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The mode of a file that its owner reads and writes, and no other account.
pub const OWNER_ONLY: u32 = 0o600;
/// The rights of the group and of all others.
const OF_OTHERS: u32 = 0o077;

/// Opens a file that holds a secret.
///
/// # Errors
/// A text for the operator, which names the file. Others than the owner may read it, or it can't be opened.
pub fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    let mode = file.metadata()?.mode();
    if mode & OF_OTHERS == 0 {
        return Ok(file);
    }
    let others =
        format!("others than its owner may read it (mode {:04o}). Run: chmod 600 {}", mode & 0o7777, path.display());
    Err(io::Error::new(ErrorKind::PermissionDenied, others))
}

/// Creates an empty file for its owner, unless there is one, and takes the rights of others from one that is there.
///
/// # Errors
/// Those of the system: the folder is missing, or the file belongs to another account and others have rights to it.
pub fn claim(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => tighten(path),
        made => made.map(drop),
    }
}

/// Takes the rights of others from a file. A missing file is left missing.
///
/// # Errors
/// Those of the system: the file belongs to another account and others have rights to it.
pub fn tighten(path: &Path) -> io::Result<()> {
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.mode(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & OF_OTHERS == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode & 0o7777 & !OF_OTHERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_claimed_file_is_its_owners_whether_it_was_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        claim(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::write(&path, "content").unwrap();
        for before in [0o644, 0o660, 0o604, 0o400] {
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            claim(&path).unwrap();
            assert_eq!((mode(&path), fs::read_to_string(&path).unwrap().as_str()), (before & 0o700, "content"));
        }
        tighten(&folder.path().join("missing")).unwrap();
        assert!(!folder.path().join("missing").exists());
    }

    #[test]
    fn a_file_that_others_can_read_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "content").unwrap();
        for (before, is_private) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o601, false)] {
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            let opened = open(&path);
            assert_eq!(opened.is_ok(), is_private, "{before:o}");
            if let Err(error) = opened {
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
    }
}
