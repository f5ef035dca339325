//! Logins to S3 on the wire.

use proto::v1;

use super::WireError;
use crate::s3_login::{S3Access, S3Login, Sealed};
use crate::secret::Secret;

impl From<&S3Login> for v1::S3Login {
    fn from(login: &S3Login) -> Self {
        let S3Login {
            access_key,
            secret_key,
            session_token,
            endpoint,
            region,
        } = login;
        let token = session_token.as_ref().map(Secret::expose);
        Self {
            access_key_id: access_key.clone(),
            secret_access_key: secret_key.expose().to_owned(),
            session_token: token.unwrap_or_default().to_owned(),
            endpoint_url: endpoint.clone().unwrap_or_default(),
            region: region.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::S3Login> for S3Login {
    type Error = WireError;

    fn try_from(wire: v1::S3Login) -> Result<Self, WireError> {
        let v1::S3Login {
            access_key_id,
            secret_access_key,
            session_token,
            endpoint_url,
            region,
        } = wire;
        if access_key_id.is_empty() || secret_access_key.is_empty() {
            let reason = "needs access_key_id and secret_access_key";
            return Err(WireError::new("s3_login", reason));
        }
        let is_url = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        let endpoint = Some(endpoint_url).filter(|url| !url.is_empty());
        if endpoint.as_deref().is_some_and(|url| !is_url(url)) {
            return Err(WireError::new("s3_login.endpoint_url", "is no http(s) URL"));
        }
        let token = Some(session_token).filter(|token| !token.is_empty());
        Ok(Self {
            access_key: access_key_id,
            secret_key: Secret::new(secret_access_key),
            session_token: token.map(Secret::new),
            endpoint,
            region: Some(region).filter(|region| !region.is_empty()),
        })
    }
}

/// Returns the two fields of a genome.
pub(super) fn write(access: &S3Access) -> (Option<v1::S3Login>, Vec<u8>) {
    match access {
        S3Access::Own => (None, Vec::new()),
        S3Access::Given(login) => (Some(login.into()), Vec::new()),
        S3Access::Sealed(Sealed(bytes)) => (None, bytes.clone()),
    }
}

/// Reads the two fields of a genome.
pub(super) fn read(login: Option<v1::S3Login>, sealed: Vec<u8>) -> Result<S3Access, WireError> {
    match (login, sealed.is_empty()) {
        (None, true) => Ok(S3Access::Own),
        (None, false) => Ok(S3Access::Sealed(Sealed(sealed))),
        (Some(login), true) => login.try_into().map(S3Access::Given),
        (Some(_), false) => Err(WireError::new("sealed_s3_login", "must not be set")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> v1::S3Login {
        v1::S3Login {
            access_key_id: "key".into(),
            secret_access_key: "hunter2".into(),
            ..v1::S3Login::default()
        }
    }

    #[test]
    fn logins_and_seals_survive_a_round_trip_and_are_not_shown() {
        let full = v1::S3Login {
            session_token: "token".into(),
            endpoint_url: "https://s3".into(),
            region: "r".into(),
            ..wire()
        };
        for login in [wire(), full] {
            let access = read(Some(login.clone()), Vec::new()).unwrap();
            assert_eq!(write(&access), (Some(login.clone()), Vec::new()));
            let shown = format!("{access:?} {login:?}");
            assert!(
                !shown.contains("hunter2") && !shown.contains("key"),
                "{shown}"
            );
        }
        let sealed = read(None, vec![1, 2]).unwrap();
        assert_eq!(write(&sealed), (None, vec![1, 2]));
        assert_eq!(read(None, Vec::new()).unwrap(), S3Access::Own);
    }

    #[test]
    fn half_a_login_is_refused() {
        let without = v1::S3Login {
            secret_access_key: String::new(),
            ..wire()
        };
        let elsewhere = v1::S3Login {
            endpoint_url: "file:///etc".into(),
            ..wire()
        };
        for wrong in [without, elsewhere] {
            assert!(read(Some(wrong), Vec::new()).is_err());
        }
        assert!(read(Some(wire()), vec![1]).is_err());
    }
}
