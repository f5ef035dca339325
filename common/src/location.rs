//! Where a file is, in words that do not depend on the machine that reads it.

use std::fmt;
use std::str::FromStr;

use crate::reference::REFERENCES;

/// A file under a configured root, one that a client sent, one of a kept reference, or an object
/// of S3.
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
    /// `reference:NAME/VERSION/FILE`.
    Reference {
        /// Name of the reference.
        name: String,
        /// Which version of it.
        version: String,
        /// Name of the file.
        file: String,
    },
    /// `s3://BUCKET/KEY`.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// Name of the object in it.
        key: String,
    },
}

/// Why a text is not a location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Neither `root:` nor `upload:` nor `s3://`.
    #[error("not a location (root:NAME/path, upload:ID/name or s3://BUCKET/KEY): {0}")]
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
        if let Some(rest) = text.strip_prefix("reference:") {
            let (name, rest) = parts(rest).ok_or_else(relative)?;
            let (version, file) = rest.split_once('/').ok_or_else(relative)?;
            return Ok(Self::Reference {
                name,
                version: version.to_owned(),
                file: file.to_owned(),
            });
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, key) = parts(rest).ok_or_else(relative)?;
            return Ok(Self::S3 { bucket, key });
        }
        Err(LocationError::Scheme(text.into()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root { root, path } => write!(f, "root:{root}/{path}"),
            Self::Upload { id, name } => write!(f, "upload:{id}/{name}"),
            Self::Reference {
                name,
                version,
                file,
            } => write!(f, "reference:{name}/{version}/{file}"),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

/// How each kind of location begins.
const SCHEMES: [&str; 4] = ["root:", "upload:", "reference:", "s3://"];

impl Location {
    /// Says whether a text is meant as a location.
    pub fn is_meant(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }

    /// Returns the last word of the path.
    pub fn file_name(&self) -> &str {
        let (Self::Root { path, .. }
        | Self::Upload { name: path, .. }
        | Self::Reference { file: path, .. }
        | Self::S3 { key: path, .. }) = self;
        path.rsplit('/').next().unwrap_or(path)
    }

    /// Returns where a file that the server keeps lies among its objects.
    pub fn object_key(&self) -> Option<String> {
        match self {
            Self::Upload { id, name } => Some(format!("uploads/{id}/{name}")),
            Self::Reference {
                name,
                version,
                file,
            } => Some(format!("{REFERENCES}/{name}/{version}/{file}")),
            Self::Root { .. } | Self::S3 { .. } => None,
        }
    }

    /// Returns the version of a kept reference that this is a file of, as `NAME/VERSION`.
    pub fn kept_reference(&self) -> Option<String> {
        match self {
            Self::Reference { name, version, .. } => Some(format!("{name}/{version}")),
            Self::Root { .. } | Self::Upload { .. } | Self::S3 { .. } => None,
        }
    }

    /// Returns the location of `name` in this folder.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        self.with_ending(&format!("/{name}"))
    }

    /// Returns the location with `ending` added to the file name.
    #[must_use]
    pub fn with_ending(&self, ending: &str) -> Self {
        let mut longer = self.clone();
        let (Self::Root { path, .. }
        | Self::Upload { name: path, .. }
        | Self::Reference { file: path, .. }
        | Self::S3 { key: path, .. }) = &mut longer;
        path.push_str(ending);
        longer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_survive_a_round_trip() {
        for text in [
            "root:data/a/b.fa",
            "upload:01H/x.fq.gz",
            "s3://b/a/x.fq",
            "reference:G/1/a.fa",
        ] {
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
            "s3://bucket",
            "s3://bucket/../x",
            "reference:G/1",
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
