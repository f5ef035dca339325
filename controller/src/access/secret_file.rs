//! A secret of 256 random bits in a file that only its owner may read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use common::ids::Sha256;

/// Returns the text in a file, which is made with mode 0600 when it is missing.
///
/// # Errors
/// If it cannot be used, or if others may read it.
pub fn read_or_make(file: &Path) -> io::Result<String> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    match options.open(file) {
        Ok(mut made) => {
            let secret: [u8; 32] = rand::random();
            writeln!(made, "{}", Sha256(secret))?;
            made.sync_all()?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    if fs::metadata(file)?.permissions().mode() & 0o077 != 0 {
        let reason = "others may read the secret: its mode must be 0600";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    let token = fs::read_to_string(file)?.trim().to_owned();
    if token.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the secret is empty",
        ));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_private_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let first = read_or_make(&file).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(read_or_make(&file).unwrap(), first);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_or_make(&file).is_err());
    }
}
