//! `s3://BUCKET/PREFIX`: where objects are.

use std::fmt;
use std::str::FromStr;

/// The start of each address.
const SCHEME: &str = "s3://";

/// A bucket and a prefix in it, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name of the bucket.
    pub bucket: String,
    /// Without slash at either end.
    pub prefix: String,
}

/// A text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an address like s3://BUCKET/PREFIX: {0}")]
pub struct InvalidAddress(pub String);

impl Address {
    /// Says whether a text is meant as an address.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(text.to_owned());
        let rest = text.strip_prefix(SCHEME).ok_or_else(invalid)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let is_word = |word: &str| !matches!(word, "" | "." | "..") && !word.contains('\0');
        let well_formed = prefix.is_empty() || prefix.split('/').all(is_word);
        if !is_bucket(bucket) || !well_formed {
            return Err(invalid());
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "{SCHEME}{}{slash}{}", self.bucket, self.prefix)
    }
}

/// Source: Amazon S3 User Guide, bucket naming rules; `_` and capitals as older buckets have them.
fn is_bucket(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (3..=255).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_a_round_trip() {
        for (text, bucket, prefix) in [
            ("s3://genomes", "genomes", ""),
            ("s3://genomes/a/b", "genomes", "a/b"),
        ] {
            let address: Address = text.parse().unwrap();
            let parts = (address.bucket.as_str(), address.prefix.as_str());
            assert_eq!(parts, (bucket, prefix));
            assert_eq!(address.to_string(), text);
        }
        let slash: Address = "s3://genomes/a/".parse().unwrap();
        assert_eq!(slash.to_string(), "s3://genomes/a");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "/a",
            "s3://",
            "s3:///a",
            "s3://ab/c",
            "s3://abc/../d",
            "s3://a b/c",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
