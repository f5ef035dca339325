//! Files that a tool writes: they appear whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

const READABLE_BY_ALL: u32 = 0o644;

/// A file in the making.
pub struct OutputFile {
    path: PathBuf,
    target: Target,
}

/// Where the bytes go.
enum Target {
    /// To a file beside the output, which takes its place at the end.
    Beside(NamedTempFile),
    /// To a device or pipe.
    Device(File),
}

impl OutputFile {
    /// Starts a file; `-` is standard output.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn create(path: &Path) -> Result<Self> {
        let standard = path == Path::new("-");
        let path = if standard {
            Path::new("/dev/stdout")
        } else {
            path
        };
        let target = if is_device(path) {
            OpenOptions::new()
                .write(true)
                .open(path)
                .map(Target::Device)
        } else {
            NamedTempFile::new_in(folder_of(path)).map(Target::Beside)
        };
        Ok(Self {
            path: path.to_owned(),
            target: target.with_context(|| path.display().to_string())?,
        })
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
        let mut file = Self::create(path)?;
        file.write_all(bytes)
            .with_context(|| path.display().to_string())?;
        file.publish()
    }

    /// Lets the file appear under its name.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn publish(self) -> Result<()> {
        let shown = || self.path.display().to_string();
        let Target::Beside(file) = self.target else {
            return Ok(());
        };
        let permissions = Permissions::from_mode(READABLE_BY_ALL);
        file.as_file()
            .set_permissions(permissions)
            .with_context(shown)?;
        file.as_file().sync_all().with_context(shown)?;
        file.persist(&self.path).with_context(shown)?;
        Ok(())
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            Target::Beside(file) => file.write(bytes),
            Target::Device(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Beside(file) => file.flush(),
            Target::Device(file) => file.flush(),
        }
    }
}

/// Says whether a path exists and is no regular file.
pub fn is_device(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Returns the folder of a file.
pub fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Returns a path with something after its name.
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut file = OutputFile::create(&path).unwrap();
        file.write_all(b"abc").unwrap();
        assert!(!path.exists());
        file.publish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        drop(OutputFile::create(&path).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
