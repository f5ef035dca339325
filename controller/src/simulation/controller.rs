//! A controller: takes submissions at any time, and leads while the store says so.

use std::time::Duration;

use common::ids::{BatchId, Epoch, IdempotencyToken, Sha256, TenantId, WorkflowId};
use common::workflow::WorkflowSpec;

use super::leader::Leader;
use super::net::{Answer, Letter, MAIL, Post, Question};
use super::store::Line;
use super::world::{may_crash, millis, now};
use crate::state::Outcome;
use crate::state::fold::Fold;
use crate::state::records::{Accepted, Token, accept};

/// How long it listens before it tries to lead again.
const LISTEN: Duration = Duration::from_millis(300);

/// One controller's ways to the others.
pub(super) struct Office {
    pub(super) host: String,
    pub(super) post: Post,
    pub(super) store: Line,
}

/// Runs until the end.
pub(super) async fn run(host: String) -> turmoil::Result {
    let (post, store) = (Post::open(MAIL).await?, Line::open().await?);
    let mut office = Office { host, post, store };
    loop {
        if let Some((epoch, fold)) = office.campaign().await {
            Leader::new(&mut office, epoch, fold).lead().await;
        }
        let until = tokio::time::Instant::now() + LISTEN + millis(0..200);
        while let Ok((host, _, letter)) =
            tokio::time::timeout_at(until, office.post.receive()).await
        {
            if let Letter::Submit(token, spec) = letter {
                office.submit(&host, token, *spec).await;
            }
        }
    }
}

impl Office {
    /// Comes to lead, if nobody does: with the state as it follows from all records.
    async fn campaign(&mut self) -> Option<(Epoch, Fold)> {
        let Answer::Leads(epoch) = self.store.ask(Question::Campaign).await? else {
            return None;
        };
        let epoch = epoch?;
        may_crash(&self.host, 0.05).await;
        let Answer::Records(records) = self.store.ask(Question::List).await? else {
            return None;
        };
        let no_snapshot = |_: &_| unreachable!("there are no snapshots");
        let fold = Fold::of(&records, &no_snapshot).expect("the records are whole");
        Some((epoch, fold))
    }

    /// Makes a submission durable and says so.
    pub(super) async fn submit(
        &mut self,
        client: &str,
        name: IdempotencyToken,
        spec: WorkflowSpec,
    ) {
        let at_ms = now().at_ms;
        let unique = millis(0..1 << 40).as_millis();
        let (workflow, batch) = (
            WorkflowId::new(format!("{name}-{unique}")),
            BatchId::new("B"),
        );
        let token = Token {
            body: Sha256::of(name.as_str().as_bytes()),
            batch: batch.clone(),
            workflows: vec![workflow.clone()],
        };
        let accepted = Accepted {
            workflow,
            batch,
            at_ms,
            tenant: TenantId::default(),
            spec,
            trace: None,
        };
        let transaction = accept(Some((&name, &token)), &[accepted]);
        may_crash(&self.host, 0.05).await;
        let answer = self.store.ask(Question::Commit(vec![transaction])).await;
        may_crash(&self.host, 0.05).await;
        // The compare of the token is the first: it was accepted before.
        if let Some(Answer::Outcomes(outcomes)) = answer
            && matches!(outcomes[..], [Outcome::Committed | Outcome::Refused(0)])
        {
            let letter = Letter::Submitted(name);
            self.post.send(client, MAIL, letter).await;
        }
    }
}
