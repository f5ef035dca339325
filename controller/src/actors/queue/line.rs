//! Who is next: the best priority first, within it the tenants in turn, each with its oldest first.

use std::collections::BTreeMap;

use common::ids::{TenantId, WorkflowId};
use common::workflow::Priority;

/// Workflows that wait, with what is kept for each.
pub(super) struct Line<T> {
    /// Ids sort by time.
    waiting: BTreeMap<Priority, BTreeMap<TenantId, BTreeMap<WorkflowId, T>>>,
    /// When each tenant had its last turn, in turns; none is kept for longer than it matters.
    served: BTreeMap<TenantId, u64>,
    turns: u64,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            served: BTreeMap::new(),
            turns: 0,
        }
    }
}

impl<T> Line<T> {
    /// Adds a workflow; one that waits already keeps its place.
    pub(super) fn push(
        &mut self,
        (priority, tenant): (Priority, TenantId),
        workflow: WorkflowId,
        value: T,
    ) {
        let tenants = self.waiting.entry(priority).or_default();
        tenants.entry(tenant).or_default().insert(workflow, value);
    }

    /// Takes the workflow that is next.
    pub(super) fn pop(&mut self) -> Option<(WorkflowId, T)> {
        let mut level = self.waiting.first_entry()?;
        let last_turn = |tenant: &TenantId| self.served.get(tenant).copied();
        let tenant = level.get().keys().min_by_key(|one| last_turn(one))?.clone();
        let tenants = level.get_mut();
        let next = tenants.get_mut(&tenant)?.pop_first();
        tenants.retain(|_, workflows| !workflows.is_empty());
        if tenants.is_empty() {
            level.remove();
        }
        self.turns += 1;
        self.served.insert(tenant, self.turns);
        if self.waiting.is_empty() {
            self.served.clear();
        }
        next
    }

    /// Takes a workflow out of the line.
    pub(super) fn remove(&mut self, workflow: &WorkflowId) {
        for tenants in self.waiting.values_mut() {
            for workflows in tenants.values_mut() {
                workflows.remove(workflow);
            }
            tenants.retain(|_, workflows| !workflows.is_empty());
        }
        self.waiting.retain(|_, tenants| !tenants.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(all: &[(u8, &str, &str)]) -> Line<()> {
        let mut line = Line::default();
        for (priority, tenant, workflow) in all {
            let place = (Priority(*priority), TenantId::new(*tenant));
            line.push(place, WorkflowId::new(*workflow), ());
        }
        line
    }

    fn order(mut line: Line<()>) -> Vec<String> {
        let next = || line.pop().map(|(workflow, ())| workflow.to_string());
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn one_who_submits_much_keeps_nobody_else_waiting() {
        let line = line(&[
            (3, "much", "1"),
            (3, "much", "2"),
            (3, "much", "3"),
            (3, "little", "8"),
            (3, "few", "7"),
            (3, "few", "9"),
        ]);
        assert_eq!(order(line), ["7", "8", "1", "9", "2", "3"]);
    }

    #[test]
    fn the_better_priority_goes_first_whoever_had_the_last_turn() {
        let mut line = line(&[(3, "a", "1"), (3, "b", "2"), (3, "a", "3")]);
        assert_eq!(line.pop().unwrap().0, WorkflowId::new("1"));
        line.push((Priority(1), TenantId::new("a")), WorkflowId::new("4"), ());
        assert_eq!(order(line), ["4", "2", "3"]);
    }

    #[test]
    fn what_is_removed_never_comes() {
        let mut line = line(&[(3, "a", "1"), (2, "b", "2"), (3, "a", "3")]);
        line.remove(&WorkflowId::new("1"));
        line.remove(&WorkflowId::new("2"));
        assert_eq!(order(line), ["3"]);
    }
}
