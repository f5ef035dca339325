//! Where a file is, in words that do not depend on the machine that reads it.

use std::fmt;
use std::str::FromStr;

/// A file under a configured root, or one that a client sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// `root:NAME/relative/path`.
    Root {
        /// Name of the root, as in `--root NAME=DIR`.
        root: String,
        /// Path below it, without `.` and `..`.
        path: String,
    },
    /// `upload:ID/NAME`.
    Upload {
        /// Id of the upload.
        id: String,
        /// Name of the file.
        name: String,
    },
}

/// Why a text is not a location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Neither `root:` nor `upload:`.
    #[error("not a location (root:NAME/path or upload:ID/name): {0}")]
    Scheme(String),
    /// An empty word, `.` or `..` in the path.
    #[error("location has an empty or relative part: {0}")]
    Path(String),
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = |rest: &str| {
            let (head, tail) = rest.split_once('/')?;
            let plain = |word: &str| !matches!(word, "" | "." | "..");
            let well_formed = plain(head) && tail.split('/').all(plain) && !text.contains('\0');
            well_formed.then(|| (head.to_owned(), tail.to_owned()))
        };
        let relative = || LocationError::Path(text.into());
        if let Some(rest) = text.strip_prefix("root:") {
            let (root, path) = parts(rest).ok_or_else(relative)?;
            return Ok(Self::Root { root, path });
        }
        if let Some(rest) = text.strip_prefix("upload:") {
            let (id, name) = parts(rest).ok_or_else(relative)?;
            return Ok(Self::Upload { id, name });
        }
        Err(LocationError::Scheme(text.into()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root { root, path } => write!(f, "root:{root}/{path}"),
            Self::Upload { id, name } => write!(f, "upload:{id}/{name}"),
        }
    }
}

impl Location {
    /// Returns the last word of the path.
    pub fn file_name(&self) -> &str {
        let (Self::Root { path, .. } | Self::Upload { name: path, .. }) = self;
        path.rsplit('/').next().unwrap_or(path)
    }

    /// Returns the location of `name` in this folder.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::Root { root, path } => Self::Root {
                root: root.clone(),
                path: format!("{path}/{name}"),
            },
            Self::Upload { id, name: old } => Self::Upload {
                id: id.clone(),
                name: format!("{old}/{name}"),
            },
        }
    }

    /// Returns the location with `ending` added to the file name.
    #[must_use]
    pub fn with_ending(&self, ending: &str) -> Self {
        let mut longer = self.clone();
        let (Self::Root { path, .. } | Self::Upload { name: path, .. }) = &mut longer;
        path.push_str(ending);
        longer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_survive_a_round_trip() {
        for text in ["root:data/a/b.fa", "upload:01H/x.fq.gz"] {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_path_cannot_climb() {
        for text in [
            "root:data/../etc",
            "root:data//x",
            "root:data",
            "root:/x",
            "upload:a/./b",
        ] {
            assert!(
                matches!(text.parse::<Location>(), Err(LocationError::Path(_))),
                "{text}"
            );
        }
        assert!(matches!(
            "/etc/passwd".parse::<Location>(),
            Err(LocationError::Scheme(_))
        ));
    }
}
