//! A client: submits until it is heard, each batch by its token.

use std::time::Duration;

use common::ids::IdempotencyToken;

use super::net::{Letter, MAIL, Post};
use super::world::{chance, millis, with};
use super::{CONTROLLERS, TOKENS};
use crate::core::tests::world::{genome_spec, probe_spec};

/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Submits all there is.
pub(super) async fn run() -> turmoil::Result {
    let post = Post::open(MAIL).await?;
    for token in TOKENS {
        let spec = match token {
            "probe" => probe_spec(12),
            _ => genome_spec(),
        };
        let name = IdempotencyToken::new(token);
        loop {
            let controller = CONTROLLERS[usize::from(chance(0.5))];
            let letter = Letter::Submit(name.clone(), Box::new(spec.clone()));
            post.send(controller, MAIL, letter).await;
            let answer = tokio::time::timeout(PATIENCE, post.receive()).await;
            if let Ok((_, _, Letter::Submitted(heard))) = answer
                && heard == name
            {
                with(|world| world.submitted.insert(token.to_owned()));
                break;
            }
        }
        tokio::time::sleep(millis(0..1500)).await;
    }
    std::future::pending().await
}
