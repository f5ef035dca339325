//! Logins to S3 that run out while a genome waits.

use common::failure::{Failure, FailureClass};
use common::ids::AttemptNumber;
use common::s3_login::{S3Access, Sealed};
use common::task::Stage;
use common::workflow::{Work, WorkflowSpec};

use super::world::{World, genome_spec};
use crate::core::assignment::assignment;
use crate::core::duty::Duty;
use crate::core::event::Event;
use crate::core::fact::Change;
use crate::core::state::{Phase, TaskKey, WorkflowState};
use crate::core::view::view;
use crate::state::{fact_wire, snapshot};

const SPLIT: TaskKey = TaskKey {
    stage: Stage::Split,
    index: 0,
};

/// A genome that came with a login.
fn with_login() -> WorkflowSpec {
    let mut spec = genome_spec();
    if let Work::Genome(genome) = &mut spec.work {
        genome.s3 = S3Access::Sealed(Sealed(vec![1]));
    }
    spec
}

/// A genome whose login ran out as its first lane was read.
fn waiting() -> World {
    let mut world = World::validated(with_login());
    world.place(SPLIT);
    world.fail(SPLIT, AttemptNumber(1), FailureClass::CredentialsExpired);
    world
}

fn access(state: &WorkflowState) -> &S3Access {
    match &state.spec.work {
        Work::Genome(genome) => &genome.s3,
        Work::Probe { .. } => panic!("not a genome"),
    }
}

#[test]
fn a_genome_whose_login_ran_out_waits_and_says_so() {
    let mut world = waiting();
    assert!(!world.ready().contains(&SPLIT));
    assert!(
        view(&world.state)
            .reason
            .contains("waits for new credentials")
    );
    // It waits as long as it has to.
    for number in 2..30 {
        world.now_ms += 3_600_000;
        world.place(SPLIT);
        world.fail(
            SPLIT,
            AttemptNumber(number),
            FailureClass::CredentialsExpired,
        );
        assert_eq!(world.state.phase, Phase::Active);
        assert_eq!(world.state.failure, None);
    }
}

#[test]
fn a_new_login_lets_it_go_on_at_once() {
    let mut world = waiting();
    let login = Sealed(vec![2]);
    let facts = world.happen(Event::LoginRenewed(login.clone()));
    assert_eq!(facts[0].change, Change::LoginRenewed(login.clone()));
    assert!(!format!("{facts:?}").contains("[2]"));
    let stored = fact_wire::decode(&fact_wire::encode(&facts[0])).unwrap();
    assert_eq!(stored, facts[0]);
    assert!(world.ready().contains(&SPLIT));
    world.place(SPLIT);
    let given = assignment(&world.state, SPLIT, AttemptNumber(2)).unwrap();
    assert_eq!(given.genome.unwrap().s3, S3Access::Sealed(login.clone()));
    // A leader that starts from a snapshot knows it too.
    let before = waiting().state;
    let restored = snapshot::decode(before, &snapshot::encode(&world.state)).unwrap();
    assert_eq!(*access(&restored), S3Access::Sealed(login));
}

#[test]
fn a_publication_whose_login_ran_out_waits_and_goes_on_with_a_new_one() {
    let mut world = World::validated(with_login());
    while world.state.phase != Phase::Publishing {
        world.step();
    }
    let expired = Failure::new(FailureClass::CredentialsExpired, "the token has expired");
    world.happen(Event::PublicationFailed(expired));
    let waits = |state: &WorkflowState| view(state).reason;
    let reason = waits(&world.state);
    assert!(
        reason.starts_with("publication waits for new credentials"),
        "{reason}"
    );
    let accepted = World::accepted(with_login()).state;
    let restored = snapshot::decode(accepted, &snapshot::encode(&world.state)).unwrap();
    assert_eq!(waits(&restored), reason);
    assert_eq!(world.duties(), []);
    world.happen(Event::LoginRenewed(Sealed(vec![2])));
    assert_eq!(waits(&world.state), "");
    assert_eq!(world.duties(), [Duty::Publish]);
}

#[test]
fn a_genome_that_came_without_a_login_takes_none() {
    let mut world = World::validated(genome_spec());
    assert_eq!(world.happen(Event::LoginRenewed(Sealed(vec![2]))), []);
    let mut ended = waiting();
    ended.happen(Event::CancelRequested);
    assert_eq!(ended.happen(Event::LoginRenewed(Sealed(vec![2]))), []);
}
