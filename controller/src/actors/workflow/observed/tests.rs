use common::trace::TraceContext;

use super::*;
use crate::core::tests::world::{World, genome_spec};

/// Lets a genome go its whole way, told by as many leaders as there are facts between changes.
fn whole_way(facts_of_a_leader: usize) -> (World, Vec<Told>) {
    go(World::accepted(genome_spec()), facts_of_a_leader)
}

fn go(mut world: World, facts_of_a_leader: usize) -> (World, Vec<Told>) {
    world.state.trace = TraceContext::new([7; 16], [9; 8], true);
    let mut observed = Observed::of(&world.state);
    let (mut told, mut heard) = (Vec::new(), 0);
    while !world.state.is_ended() {
        world.step();
        let facts = &world.journal[heard..];
        told.extend(observed.tell(&world.state, facts));
        if world.journal.len() / facts_of_a_leader > heard / facts_of_a_leader {
            observed = Observed::of(&world.state);
        }
        heard = world.journal.len();
    }
    (world, told)
}

fn spans(told: Vec<Told>) -> Vec<Made> {
    let span = |told| match told {
        Told::Span(made) => Some(*made),
        _ => None,
    };
    told.into_iter().filter_map(span).collect()
}

#[test]
fn leaders_that_follow_each_other_tell_the_spans_of_one() {
    let (_, of_one) = whole_way(usize::MAX);
    let (_, of_many) = whole_way(2);
    let shown = |told| {
        let shown = spans(told).into_iter().map(|made| format!("{made:?}"));
        shown.collect::<Vec<_>>()
    };
    assert_eq!(shown(of_one), shown(of_many));
}

#[test]
fn a_trace_holds_admission_every_attempt_and_publication() {
    let (world, told) = whole_way(usize::MAX);
    let submission = world.state.trace.unwrap();
    let workflow = submission.named(world.state.workflow.as_str());
    let spans = spans(told);
    let named = |name: &str| spans.iter().filter(|made| made.name == name).count();
    assert_eq!(named("admission"), 1);
    assert_eq!(named("publication"), 1);
    assert_eq!(named("attempt"), world.attempts.len());
    let (top, parts): (Vec<&Made>, _) = spans.iter().partition(|made| made.name == "workflow");
    assert_eq!(
        (top[0].context, top[0].parent),
        (workflow, Some(submission))
    );
    assert!(parts.iter().all(|made| made.parent == Some(workflow)));
    let ids: std::collections::BTreeSet<_> = spans.iter().map(|made| made.context).collect();
    assert_eq!(ids.len(), spans.len());
}

#[test]
fn spans_name_no_sample_file_or_read() {
    let (world, told) = whole_way(usize::MAX);
    let text = format!("{:?}", spans(told));
    let common::workflow::Work::Genome(genome) = &world.state.spec.work else {
        panic!("a genome goes its way");
    };
    for file in genome.inputs() {
        assert!(!text.contains(&file.to_string()), "{file}");
    }
    assert!(!text.contains(&format!("\"{}\"", genome.sample)));
}

#[test]
fn gauges_are_taken_back_when_a_workflow_leaves() {
    let running = || measured::TASKS.with_label_values(&["index", "ready"]).get();
    let before = running();
    let world = World::validated(genome_spec());
    let mut observed = Observed::of(&world.state);
    observed.show(&world.state);
    observed.show(&world.state);
    assert_eq!(running(), before + 1);
    drop(observed);
    assert_eq!(running(), before);
}

#[test]
fn what_runs_again_for_an_audit_counts_by_a_name_of_its_own() {
    let count = |world: World| {
        let (_, told) = go(world, usize::MAX);
        let of = |name: &str| {
            let named =
                |told: &&Told| matches!(told, Told::Attempt { outcome, .. } if *outcome == name);
            told.iter().filter(named).count()
        };
        let bases = told.iter().map(|told| match told {
            Told::Bases { bases, .. } => *bases,
            _ => 0,
        });
        (of(COMPLETED), of(AUDITED), bases.sum::<u64>())
    };
    let once = count(World::accepted(genome_spec()));
    let mut audited = World::accepted(genome_spec());
    audited.audited_ppm = crate::core::audit::MILLION;
    assert_eq!(once.1, 0);
    // align, duplicates, merge, recalibrate, call
    assert_eq!(count(audited), (once.0, 6 + 3 + 3 + 1 + 2, once.2));
}

#[test]
fn lookups_are_told_by_hits_and_misses() {
    let mut world = World::accepted(genome_spec());
    world.cached = true;
    let (world, told) = go(world, usize::MAX);
    let mut seen = [0; 3];
    for one in &told {
        if let Told::LookedUp {
            hits,
            misses,
            bytes,
            ..
        } = one
        {
            seen = [seen[0] + hits, seen[1] + misses, seen[2] + bytes];
        }
    }
    let cached: u32 = world.state.stages.iter().map(|stage| stage.cached).sum();
    assert_eq!(seen[0], u64::from(cached));
    // align, duplicates, merge, recalibrate, call, gather
    assert_eq!(seen[0] + seen[1], 6 + 3 + 3 + 1 + 2 + 1);
    assert_eq!(seen[2], 7 * seen[0]);
}
