//! Names of objects.

use std::fmt;
use std::str::FromStr;

/// The longest key, and the longest word in it, in bytes: what file systems and S3 take.
const KEY_BYTES: usize = 1024;
const WORD_BYTES: usize = 255;

/// A key: `/`-separated words of `[A-Za-z0-9._=-]`, none of them empty, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// A text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an object key: {0:?}")]
pub struct InvalidKey(pub String);

impl Key {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key of more words below this one.
    ///
    /// # Errors
    /// [`InvalidKey`] if they are not words of a key.
    pub fn join(&self, words: &str) -> Result<Self, InvalidKey> {
        format!("{self}/{words}").parse()
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        if text.len() <= KEY_BYTES && text.split('/').all(is_word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidKey(text.chars().take(KEY_BYTES).collect()))
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says whether a text may stand between the slashes of a key.
fn is_word(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._=-".contains(&byte);
    !matches!(word, "" | "." | "..") && word.len() <= WORD_BYTES && word.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_plain_words_between_slashes() {
        for text in ["a", "work/01H/align/0/1/run", "S.g.vcf.gz", "a=b/..c/-"] {
            assert_eq!(text.parse::<Key>().unwrap().as_str(), text);
        }
        let long = "a".repeat(256);
        for text in [
            "", "/a", "a/", "a//b", "a/./b", "../a", "a b", "root:x/y", "~tmp", &long,
        ] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }

    #[test]
    fn joined_words_are_checked() {
        let key: Key = "a".parse().unwrap();
        assert_eq!(key.join("b/c").unwrap().as_str(), "a/b/c");
        assert!(key.join("../c").is_err());
    }
}
