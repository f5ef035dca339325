//! The bearer token of a loopback listener.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use common::ids::Sha256;
use common::wire::status::refusal;
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

use crate::error::Error;

/// What a listener asks of its callers.
#[derive(Debug, Clone)]
pub struct Auth(Option<Arc<str>>);

impl Auth {
    /// Lets everyone in that can reach the listener.
    pub const fn open() -> Self {
        Self(None)
    }

    /// Asks for the token in a file, which is made when it is missing.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be used, or if others may read it.
    pub fn token(file: &Path) -> Result<Self, Error> {
        let token = read_or_make(file).map_err(Error::file(file))?;
        Ok(Self(Some(token.into())))
    }
}

impl Interceptor for Auth {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(token) = &self.0 else {
            return Ok(request);
        };
        let sent = request.metadata().get("authorization");
        let sent = sent.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        // Digests are compared, so that the time taken tells nothing about the token.
        match sent {
            Some(sent) if Sha256::of(sent.as_bytes()) == Sha256::of(token.as_bytes()) => {
                Ok(request)
            }
            _ => {
                let message = "a bearer token is needed";
                Err(refusal(Code::Unauthenticated, "TOKEN", message, None))
            }
        }
    }
}

fn read_or_make(file: &Path) -> io::Result<String> {
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
        let reason = "others may read the token: its mode must be 0600";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    let token = fs::read_to_string(file)?.trim().to_owned();
    if token.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the token is empty",
        ));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_private_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let first = read_or_make(&file).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(read_or_make(&file).unwrap(), first);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_or_make(&file).is_err());
    }

    #[test]
    fn only_the_token_opens() {
        let mut auth = Auth(Some("secret".into()));
        let mut call = |value: Option<&str>| {
            let mut request = Request::new(());
            if let Some(value) = value {
                let value = value.parse().unwrap();
                request.metadata_mut().insert("authorization", value);
            }
            auth.call(request).is_ok()
        };
        assert!(call(Some("Bearer secret")));
        for refused in [None, Some("Bearer secre"), Some("secret"), Some("Bearer ")] {
            assert!(!call(refused), "{refused:?}");
        }
    }
}
