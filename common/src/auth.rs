//! The bearer token with which workers and clients call a server.

use std::fmt;

use tonic::Status;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;

/// Adds `authorization: Bearer TOKEN` to every call, if there is a token. Never printed.
#[derive(Clone, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

/// A token has a character that a header can't carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("token has a character that is not printable ASCII")]
pub struct InvalidToken;

impl Bearer {
    /// Makes the header of a token; an empty or absent one adds none.
    ///
    /// # Errors
    /// [`InvalidToken`] if a header can't carry it.
    pub fn new(token: Option<&str>) -> Result<Self, InvalidToken> {
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(Self(None));
        };
        let mut value =
            MetadataValue::try_from(format!("Bearer {token}")).map_err(|_| InvalidToken)?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        if let Some(value) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Bearer(..)"
        } else {
            "Bearer(none)"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_becomes_a_header_and_is_not_printed() {
        let mut bearer = Bearer::new(Some("secret")).unwrap();
        let request = bearer.call(tonic::Request::new(())).unwrap();
        let header = request.metadata().get("authorization").unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer secret");
        assert!(!format!("{bearer:?}").contains("secret"));
        assert_eq!(Bearer::new(Some("a\nb")).unwrap_err(), InvalidToken);
    }

    #[test]
    fn without_a_token_no_header_is_sent() {
        let request = Bearer::default().call(tonic::Request::new(())).unwrap();
        assert!(request.metadata().is_empty());
    }
}
