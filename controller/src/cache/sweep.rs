//! What was kept for long enough goes, and what was not used for the longest time if there is too much.

use common::ids::WorkflowId;

use super::record::Kept;
use super::{Cache, Error, KEPT, kept, parsed, written_by};

impl Cache {
    /// Takes away what is kept no longer.
    ///
    /// # Errors
    /// [`Error`] if that failed: it is tried again with the next sweep.
    pub async fn sweep(&self, now_ms: u64) -> Result<(), Error> {
        let mut all = Vec::new();
        for listed in self.objects.store().list(KEPT).await? {
            let key = listed.key.as_str();
            let workflow = WorkflowId::new(&key[KEPT.len()..]);
            match self.read_kept(key).await {
                Ok(left) => all.push((workflow, left)),
                Err(error) => tracing::warn!(key, %error, "kept results cannot be judged"),
            }
        }
        for (workflow, judged) in self.surplus(all, now_ms) {
            let _looks = self.looks.write().await;
            let left = self.read_kept(&kept(&workflow)).await?;
            // It may have been used in the meantime.
            if left.used_at_ms == judged.used_at_ms {
                self.forget(&workflow, left).await?;
            }
        }
        Ok(())
    }

    /// Returns the workflows of which nothing is kept any longer.
    fn surplus(&self, mut all: Vec<(WorkflowId, Kept)>, now_ms: u64) -> Vec<(WorkflowId, Kept)> {
        let keep_ms = self.terms.keep.as_millis() as u64;
        // Those that were used last come first, of several the later workflow.
        all.sort_by(|(id1, left1), (id2, left2)| {
            (left2.used_at_ms, id2).cmp(&(left1.used_at_ms, id1))
        });
        let mut bytes: u64 = 0;
        let surplus = all.into_iter().filter(|(_, left)| {
            bytes = bytes.saturating_add(left.bytes);
            let is_old = left.used_at_ms.saturating_add(keep_ms) <= now_ms;
            is_old || bytes > self.terms.bytes
        });
        surplus.collect()
    }

    /// Takes away all that is kept of a workflow: first what it is found by.
    async fn forget(&self, workflow: &WorkflowId, left: Kept) -> Result<(), Error> {
        let store = self.objects.store();
        for record in left.records {
            store.delete(&parsed(&record)?).await?;
        }
        store.delete_all(&written_by(workflow)).await?;
        store.delete(&parsed(&kept(workflow))?).await?;
        Ok(())
    }
}
