//! Shares, quotas and waiting.

use std::time::Duration;

use super::*;
use crate::scheduling::share::{aged, day_of, next_day_ms};

/// A tenant with one workflow of tasks of one core.
struct Crowd {
    tenant: TenantId,
    workflow: WorkflowId,
    candidates: Vec<Candidate>,
    state: Tenant,
    has_begun: bool,
}

fn crowd(name: &str, weight: u32, tasks: u32) -> Crowd {
    let quota = Quota::default();
    Crowd {
        tenant: TenantId::new(name),
        workflow: WorkflowId::new(name),
        candidates: (0..tasks).map(|index| candidate(index, 1)).collect(),
        state: Tenant {
            entitlement: Entitlement { weight, quota },
            ..Tenant::default()
        },
        has_begun: false,
    }
}

fn problem<'a>(pool: &'a Pool, crowds: &'a [Crowd]) -> Problem<'a> {
    Problem {
        workers: pool.workers(),
        workflows: crowds
            .iter()
            .map(|crowd| Waiting {
                workflow: &crowd.workflow,
                tenant: &crowd.tenant,
                priority: Priority(3),
                has_begun: crowd.has_begun,
                candidates: &crowd.candidates,
            })
            .collect(),
        tenants: crowds
            .iter()
            .map(|crowd| (&crowd.tenant, crowd.state))
            .collect(),
    }
}

/// Returns how many tasks of each are placed.
fn shares(cores: u32, crowds: &[Crowd]) -> Vec<u32> {
    let pool = pool(&[(cores, cores)]);
    let problem = problem(&pool, crowds);
    let placed = solve(&problem);
    let count = |crowd: &Crowd| {
        let of = placed.iter().filter(|p| *p.workflow == crowd.workflow);
        of.count() as u32
    };
    crowds.iter().map(count).collect()
}

fn denial(crowd: &Crowd) -> Option<Denial> {
    let pool = pool(&[(8, 8)]);
    let crowds = std::slice::from_ref(crowd);
    let problem = problem(&pool, crowds);
    match hindrance(&problem, &problem.workflows[0], &crowd.candidates[0]) {
        Hindrance::Quota(denial) => Some(denial),
        _ => None,
    }
}

#[test]
fn cores_go_to_tenants_by_weight_and_what_one_leaves_to_the_others() {
    let all_want_all = [crowd("a", 1, 99), crowd("b", 2, 99), crowd("c", 5, 99)];
    assert_eq!(shares(16, &all_want_all), [2, 4, 10]);
    let one_wants_little = [crowd("a", 1, 99), crowd("b", 2, 1), crowd("c", 5, 99)];
    assert_eq!(shares(16, &one_wants_little), [3, 1, 12]);
    assert_eq!(shares(16, &[crowd("a", 1, 99)]), [16]);
}

#[test]
fn what_a_tenant_holds_counts() {
    let mut crowds = [crowd("a", 1, 99), crowd("b", 1, 99)];
    crowds[0].state.held = gib(6);
    assert_eq!(shares(4, &crowds), [0, 4]);
    crowds[0].state.held = gib(2);
    assert_eq!(shares(4, &crowds), [1, 3]);
}

#[test]
fn memory_counts_where_it_is_what_a_tenant_holds_most_of() {
    let mut crowds = [crowd("a", 1, 99), crowd("b", 1, 99)];
    for candidate in &mut crowds[0].candidates {
        candidate.need.resources.memory_bytes = 3 << 30;
    }
    // Of 16 cores and 16 GiB: 3 x 3 GiB are about as much as 8 of either.
    assert_eq!(shares(16, &crowds), [3, 7]);
}

#[test]
fn quotas_hold_and_say_so() {
    let mut cores = crowd("a", 1, 99);
    cores.state.entitlement.quota.cores = Some(3);
    assert_eq!(
        (denial(&cores), shares(16, std::slice::from_ref(&cores))),
        (None, vec![3])
    );
    cores.state.held = gib(3);
    assert_eq!(denial(&cores), Some(Denial::Cores(3)));
    let mut genomes = crowd("a", 1, 2);
    genomes.state.entitlement.quota.running_genomes = Some(1);
    genomes.state.running = 1;
    assert_eq!(denial(&genomes), Some(Denial::Genomes(1)));
    assert_eq!(shares(16, std::slice::from_ref(&genomes)), [0]);
    genomes.has_begun = true;
    assert_eq!((denial(&genomes), shares(16, &[genomes])), (None, vec![2]));
    let mut bases = crowd("a", 1, 2);
    bases.state.entitlement.quota.gigabases_per_day = Some(90);
    bases.state.bases_today = 89_999_999_999;
    assert_eq!(denial(&bases), None);
    bases.state.bases_today += 1;
    assert_eq!(denial(&bases), Some(Denial::Gigabases(90)));
    bases.has_begun = true;
    assert_eq!(denial(&bases), None);
}

#[test]
fn of_two_genomes_one_begins_where_one_may_run() {
    let mut crowds = [crowd("a", 1, 2), crowd("b", 1, 2)];
    crowds[1].tenant = TenantId::new("a");
    crowds[0].state.entitlement.quota.running_genomes = Some(1);
    crowds[1].state = crowds[0].state;
    assert_eq!(shares(16, &crowds), [2, 0]);
}

#[test]
fn priority_rises_with_waiting() {
    let hour = Duration::from_secs(3600);
    let after = |hours| aged(Priority(5), hour * hours, hour * 4).0;
    assert_eq!([0, 3, 4, 8, 15, 16, 9999].map(after), [5, 5, 4, 3, 2, 1, 1]);
}

#[test]
fn a_day_ends_where_the_next_begins() {
    let day_ms = 86_400_000;
    assert_eq!((day_of(day_ms - 1), day_of(day_ms)), (0, 1));
    assert_eq!((next_day_ms(0), next_day_ms(day_ms)), (day_ms, 2 * day_ms));
}

/// A genome that came long ago runs although better ones keep coming.
#[test]
fn nothing_starves_behind_what_keeps_coming() {
    let (step, pool) = (Duration::from_secs(100), pool(&[(1, 1)]));
    let old = crowd("0", 1, 1);
    let mut waited = 0;
    loop {
        let fresh = crowd("1", 1, 1);
        let crowds = [fresh, crowd("0", 1, 1)];
        let mut problem = problem(&pool, &crowds);
        problem.workflows[0].priority = Priority(1);
        let waited_for = Duration::from_secs(waited);
        problem.workflows[1].priority = aged(Priority(5), waited_for, step);
        if *solve(&problem)[0].workflow == old.workflow {
            break;
        }
        waited += 1;
    }
    assert_eq!(waited, 400);
}

proptest! {
    #[test]
    fn shares_are_max_min_fair(
        cores in 1_u32..40,
        tenants in prop::collection::vec((1_u32..5, 0_u32..30), 1..6),
    ) {
        let crowds: Vec<Crowd> = (0..)
            .zip(&tenants)
            .map(|(n, (weight, tasks))| crowd(&format!("t{n}"), *weight, *tasks))
            .collect();
        let shares = shares(cores, &crowds);
        let wanted: u32 = tenants.iter().map(|(_, tasks)| tasks).sum();
        prop_assert_eq!(shares.iter().sum::<u32>(), cores.min(wanted));
        // Whoever wants more holds no more than one task less, for its weight, than anybody.
        for (mine, (weight, tasks)) in shares.iter().zip(&tenants) {
            for (theirs, (other, _)) in shares.iter().zip(&tenants) {
                let wants_more = mine < tasks;
                let fair = *theirs == 0 || (theirs - 1) * weight <= mine * other;
                prop_assert!(!wants_more || fair, "{shares:?} of {tenants:?}");
            }
        }
    }

    #[test]
    fn no_quota_is_ever_exceeded(
        cores in 1_u32..40,
        most in 0_u32..10,
        genomes in 0_u32..4,
        held in 0_u32..6,
        workflows in 1_u32..6,
    ) {
        let quota = Quota {
            cores: Some(most),
            running_genomes: Some(genomes),
            gigabases_per_day: None,
        };
        let crowds: Vec<Crowd> = (0..workflows)
            .map(|n| {
                let mut crowd = crowd(&format!("t{n}"), 1, 4);
                crowd.tenant = TenantId::new("a");
                crowd.state.entitlement.quota = quota;
                crowd.state.held = gib(held);
                crowd
            })
            .collect();
        let shares = shares(cores, &crowds);
        prop_assert!(shares.iter().sum::<u32>() + held <= most.max(held));
        prop_assert!(shares.iter().filter(|share| **share > 0).count() as u32 <= genomes);
    }
}
