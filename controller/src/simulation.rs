//! A simulated cluster: the core, journals and placement as they are, in controllers, workers, a store and
//! a client that turmoil runs in one thread, on a network that delays, reorders and parts, with
//! crashes before and after each commit. A seed decides everything.
//!
//! What has to hold: nothing acknowledged is lost, no task has two results, every accepted workflow ends,
//! epochs only rise, files appear before their manifest, nothing that counts is taken away, and
//! no garbage stays. `SPINDLE_SEEDS=5000` runs more seeds than the tests do by themselves.

mod check;
mod client;
mod controller;
mod faults;
mod hearing;
mod leader;
mod memory;
mod net;
mod pool;
mod store;
mod worker;
mod world;

use std::time::Duration;

use faults::Faults;

/// Hosts of controllers and workers; the last worker is slow.
const CONTROLLERS: [&str; 2] = ["c0", "c1"];
const WORKERS: [(&str, u32); 3] = [("w0", 1), ("w1", 1), ("w2", 3)];

/// What the client submits.
const TOKENS: [&str; 3] = ["first", "probe", "second"];

/// Read batches of each lane.
const LANE_BATCHES: u32 = 3;

/// How long things go wrong, how long it may take after that until all is over, and how long garbage
/// may stay then.
const TROUBLE: Duration = Duration::from_secs(20);
const RECOVERY: Duration = Duration::from_secs(60);
const QUIET: Duration = Duration::from_secs(6);

/// Virtual time between two looks at the network.
const TICK: Duration = Duration::from_millis(10);

/// Runs a cluster; returns the promises that were broken.
fn run(seed: u64) -> Vec<String> {
    world::begin(seed);
    net::clear();
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(TROUBLE + RECOVERY + QUIET)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(80))
        .build();
    sim.host(store::HOST, store::run);
    for controller in CONTROLLERS {
        sim.host(controller, move || controller::run(controller.to_owned()));
    }
    for (worker, slow) in WORKERS {
        sim.host(worker, move || worker::run(worker.to_owned(), slow));
    }
    sim.host("client", client::run);
    let mut faults = Faults::default();
    let mut over_at = None;
    while sim.elapsed() < TROUBLE + RECOVERY {
        sim.step().expect("hosts run until the end");
        faults.happen(&mut sim);
        hearing::check_published();
        let looks = sim.elapsed() > TROUBLE && sim.elapsed().as_millis() % 500 == 0;
        if looks && over_at.is_none() && check::all_over() {
            over_at = Some(sim.elapsed());
        }
        if over_at.is_some_and(|at| sim.elapsed() > at + QUIET) {
            break;
        }
    }
    check::check(over_at.is_some());
    world::with(|world| world.violations.iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Guard;
    use crate::guard::tests::without;

    /// Seeds of each of the tests that run many, unless the environment says how many.
    fn seeds(part: u64) -> std::ops::Range<u64> {
        let told = std::env::var("SPINDLE_SEEDS").ok();
        let all = told.and_then(|text| text.parse().ok()).unwrap_or(200);
        part * all / 4..(part + 1) * all / 4
    }

    fn all_hold(part: u64) {
        for seed in seeds(part) {
            let broken = run(seed);
            assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
        }
    }

    #[test]
    fn nothing_is_lost_or_twice_in_the_first_quarter() {
        all_hold(0);
    }

    #[test]
    fn nothing_is_lost_or_twice_in_the_second_quarter() {
        all_hold(1);
    }

    #[test]
    fn nothing_is_lost_or_twice_in_the_third_quarter() {
        all_hold(2);
    }

    #[test]
    fn nothing_is_lost_or_twice_in_the_last_quarter() {
        all_hold(3);
    }

    /// Asserts that a promise is broken without a guard, in one of the seeds that keep all with it.
    fn is_missed(guard: Guard, promise: &str) {
        let breaks = |seed| without(guard, || run(seed));
        let mut broken = (0..200).flat_map(breaks);
        let found = broken.any(|what| what.contains(promise));
        assert!(found, "{guard:?} keeps nothing");
    }

    #[test]
    fn without_the_attempt_a_result_of_one_that_was_lost_counts() {
        is_missed(Guard::Attempt, "was not live");
    }

    #[test]
    fn without_the_first_completion_a_task_has_two_results() {
        is_missed(Guard::FirstCompletion, "two results");
    }

    #[test]
    fn without_grace_garbage_stays() {
        is_missed(Guard::GarbageGrace, "garbage stays");
    }

    #[test]
    fn without_its_order_a_manifest_appears_before_its_files() {
        is_missed(Guard::PublishOrder, "before its files");
    }

    #[test]
    fn a_seed_decides_everything() {
        let of = |seed| {
            run(seed);
            world::with(|world| format!("{:?}", world.store))
        };
        assert_eq!(of(7), of(7));
    }
}
