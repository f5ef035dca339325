//! What goes wrong: crashes, partitions. None lasts longer than lease and grace of a worker.

use std::time::Duration;

use turmoil::Sim;

use super::world::{chance, millis, with};
use super::{CONTROLLERS, TICK, TROUBLE, WORKERS, store};

/// Something that ends.
enum Fault {
    Crash(String),
    Partition(&'static str, &'static str),
}

/// Faults that go on, and when each ends.
#[derive(Default)]
pub(super) struct Faults(Vec<(Duration, Fault)>);

/// How many of each begin in a second.
const CRASHES: f64 = 0.3;
const PARTITIONS: f64 = 0.6;

impl Faults {
    /// Lets things go wrong, and well again.
    pub(super) fn happen(&mut self, sim: &mut Sim<'_>) {
        let now = sim.elapsed();
        if now >= TROUBLE {
            with(|world| world.faults = false);
        }
        let ends = |(at, _): &mut (Duration, Fault)| *at <= now || now >= TROUBLE;
        for (_, fault) in self.0.extract_if(.., ends) {
            match fault {
                Fault::Crash(host) => sim.bounce(host.as_str()),
                Fault::Partition(one, other) => sim.repair(one, other),
            }
        }
        let here = with(|world| std::mem::take(&mut world.crashing));
        for host in here {
            self.crash(sim, &host);
        }
        if now >= TROUBLE {
            return;
        }
        let seconds = TICK.as_secs_f64();
        if chance(CRASHES * seconds) {
            self.crash(sim, any());
        }
        if chance(PARTITIONS * seconds) {
            let other = if chance(0.4) { store::HOST } else { any() };
            let one = any();
            if one != other {
                sim.partition(one, other);
                let end = now + millis(200..3500);
                self.0.push((end, Fault::Partition(one, other)));
            }
        }
    }

    fn crash(&mut self, sim: &mut Sim<'_>, host: &str) {
        let down = |(_, fault): &(Duration, Fault)| matches!(fault, Fault::Crash(it) if it == host);
        if !self.0.iter().any(down) {
            sim.crash(host);
            let end = sim.elapsed() + millis(50..2500);
            self.0.push((end, Fault::Crash(host.to_owned())));
        }
    }
}

/// Returns a controller or a worker.
fn any() -> &'static str {
    let workers = WORKERS.map(|(worker, _)| worker);
    let hosts = [&CONTROLLERS[..], &workers[..]].concat();
    hosts[with(|world| rand::Rng::random_range(&mut world.chance, 0..hosts.len()))]
}
