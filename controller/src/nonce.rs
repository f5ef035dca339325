//! Files by which one process proves to another that it sees the same folder.

use std::fs;
use std::io;
use std::path::Path;

/// Reads the nonce in a file, which is made when it is missing: whole, and by one of several
/// controllers that start at the same time.
pub fn read_or_make(path: &Path) -> io::Result<String> {
    if !path.exists() {
        let nonce = ulid::Ulid::new().to_string();
        let partial = path.with_extension(format!("partial-{nonce}"));
        fs::write(&partial, &nonce)?;
        let linked = fs::hard_link(&partial, path);
        fs::remove_file(&partial)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(fs::read_to_string(path)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_ask_at_the_same_time_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".nonce");
        let asked: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || read_or_make(&path).unwrap())
            })
            .collect();
        let mut found: Vec<_> = asked.into_iter().map(|one| one.join().unwrap()).collect();
        found.dedup();
        assert_eq!(found.len(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
