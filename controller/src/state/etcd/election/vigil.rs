//! Notices that a leader's process is gone, long before its lease runs out.
//!
//! Nothing rests on this being right: a leader that is deposed by mistake is fenced like any other.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tonic::transport::Uri;

/// A leader that hung up is gone when its machine refuses so many connections in a row.
const REFUSALS: u32 = 3;

/// Pause before each next connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until the process behind a URL is gone: it took a connection, hung up, and its machine
/// refuses further ones. A machine that is silent, or never answered, is left to the lease: then this
/// waits for ever.
pub(super) async fn gone(address: &str) {
    let Some(place) = place(address) else {
        return std::future::pending().await;
    };
    let (mut seen, mut refusals) = (false, 0);
    while refusals < REFUSALS {
        match TcpStream::connect((place.0.as_str(), place.1)).await {
            Ok(stream) => {
                (seen, refusals) = (true, 0);
                hangs_up(stream).await;
            }
            Err(error) if seen && error.kind() == ErrorKind::ConnectionRefused => refusals += 1,
            Err(_) => refusals = 0,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hangs_up(mut stream: TcpStream) {
    let mut said = [0; 512];
    while matches!(stream.read(&mut said).await, Ok(bytes) if bytes > 0) {}
}

/// Returns host and port of a URL that has both.
fn place(address: &str) -> Option<(String, u16)> {
    let uri: Uri = address.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    Some((host.to_owned(), uri.port_u16()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_process_that_closes_its_port_is_gone_and_one_that_only_hangs_up_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let gone = gone(&address);
        tokio::pin!(gone);
        for _ in 0..2 {
            tokio::select! {
                () = &mut gone => panic!("it is there"),
                taken = listener.accept() => drop(taken.unwrap()),
            }
        }
        drop(listener);
        gone.await;
    }

    #[tokio::test]
    async fn a_place_that_never_answered_is_not_known_to_be_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let waited = tokio::time::timeout(PAUSE * (REFUSALS + 5), gone(&address)).await;
        assert!(waited.is_err());
    }

    #[test]
    fn places_are_host_and_port() {
        assert_eq!(place("https://[::1]:7070"), Some(("::1".to_owned(), 7070)));
        assert_eq!(place("http://host:1"), Some(("host".to_owned(), 1)));
        assert_eq!(place("http://host"), None);
        assert_eq!(place("first"), None);
    }
}
