//! One way to several servers that stand for each other: calls go to the present one, and to the next
//! once it fails or says that it cannot answer now.
//!
//! A call that failed is not made again here: whether that may be is known to who made it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::transport::{Channel, Error};
use tonic::{Code, Status};
use tower::Service;

use crate::telemetry;

/// Which of several servers is the present one; shared by those who have to talk to the same.
#[derive(Debug, Clone, Default)]
pub struct Present(Arc<AtomicUsize>);

impl Present {
    /// Goes on to the next server, unless somebody did since `from` was the present one.
    fn leave(&self, from: usize) {
        let next = from.wrapping_add(1);
        let _moved = self
            .0
            .compare_exchange(from, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Channels to several servers, of which one is used at a time.
#[derive(Debug, Clone)]
pub struct Servers {
    channels: Vec<Channel>,
    present: Present,
    /// Whether a failure moves on, or only others do.
    moves: bool,
}

/// The addresses of a list such as `http://a:1,http://b:1`.
pub fn addresses(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|one| !one.is_empty())
}

impl Servers {
    /// Makes one way of several channels.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(channels: Vec<Channel>, present: Present) -> Self {
        assert!(!channels.is_empty(), "there is a server");
        Self {
            channels,
            present,
            moves: true,
        }
    }

    /// Makes a way that follows others with the same [`Present`], and never moves on by itself.
    #[must_use]
    pub fn following(mut self) -> Self {
        self.moves = false;
        self
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.channels.len()
    }

    /// Goes on to the next server: the present one ended a stream, or refused what it was told.
    pub fn leave(&self) {
        self.present.leave(self.present.0.load(Ordering::Relaxed));
    }
}

impl From<Channel> for Servers {
    fn from(channel: Channel) -> Self {
        Self::new(vec![channel], Present::default())
    }
}

type Answer = Result<Response<Body>, Error>;

impl Service<Request<Body>> for Servers {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        telemetry::inject(request.headers_mut());
        let at = self.present.0.load(Ordering::Relaxed);
        let mut channel = self.channels[at % self.channels.len()].clone();
        let (present, moves) = (self.present.clone(), self.moves);
        Box::pin(async move {
            let answer = match poll_fn(|context| channel.poll_ready(context)).await {
                Ok(()) => channel.call(request).await,
                Err(error) => Err(error),
            };
            if moves && is_away(&answer) {
                present.leave(at);
            }
            answer
        })
    }
}

fn is_away(answer: &Answer) -> bool {
    match answer {
        Err(_) => true,
        Ok(response) => Status::from_header_map(response.headers())
            .is_some_and(|status| status.code() == Code::Unavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_addresses() {
        let list: Vec<_> = addresses("http://a:1, http://b:2,").collect();
        assert_eq!(list, ["http://a:1", "http://b:2"]);
        assert_eq!(addresses("unix:/s").count(), 1);
    }

    #[test]
    fn several_who_leave_the_same_server_move_on_once() {
        let present = Present::default();
        present.leave(0);
        present.leave(0);
        assert_eq!(present.0.load(Ordering::Relaxed), 1);
        present.leave(1);
        assert_eq!(present.0.load(Ordering::Relaxed), 2);
    }
}
