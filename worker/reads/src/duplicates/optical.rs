//! Which pairs of a duplicate set come from one cluster that was seen twice.

use super::key::{Orientation, PairKey};
use super::mark::MarkOptions;

/// Returns how many pairs of a set are optical duplicates.
///
/// A set in which first reads lie both left and right is two sets for this; the keeper counts in
/// its own alone.
pub(super) fn count(set: &[PairKey], keeper: usize, options: &MarkOptions) -> u64 {
    let is = |orientation| move |pair: &PairKey| pair.read_orientation == orientation;
    let both = [Orientation::ForwardReverse, Orientation::ReverseForward];
    if !both.iter().all(|&one| set.iter().any(is(one))) {
        return count_in(&set.iter().collect::<Vec<_>>(), Some(keeper), options);
    }
    let mut total = 0;
    for orientation in both {
        let members = || (0..set.len()).filter(|&index| is(orientation)(&set[index]));
        let list: Vec<&PairKey> = members().map(|index| &set[index]).collect();
        let keeper_here = members().position(|index| index == keeper);
        total += count_in(&list, keeper_here, options);
    }
    total
}

fn count_in(list: &[&PairKey], keeper: Option<usize>, options: &MarkOptions) -> u64 {
    if list.len() < 2 || list.len() > options.max_optical_set {
        return 0;
    }
    let distance = options.optical_distance_pixels;
    let smallest_clustered = if keeper.is_some() { 4 } else { 3 };
    if list.len() >= smallest_clustered {
        count_clusters(list, distance)
    } else {
        count_few(list, keeper, distance)
    }
}

fn is_close(a: &PairKey, b: &PairKey, distance: u32) -> bool {
    a.read_group == b.read_group && a.location.is_close(&b.location, distance)
}

/// Up to three pairs: what is close to the keeper, then one of each other close two.
fn count_few(list: &[&PairKey], keeper: Option<usize>, distance: u32) -> u64 {
    let mut optical = vec![false; list.len()];
    if let Some(keeper) = keeper {
        for (index, pair) in list.iter().enumerate() {
            optical[index] = index != keeper && is_close(list[keeper], pair, distance);
        }
    }
    for i in (0..list.len()).filter(|&i| Some(i) != keeper) {
        for j in (i + 1..list.len()).filter(|&j| Some(j) != keeper) {
            if !(optical[i] && optical[j]) && is_close(list[i], list[j], distance) {
                let marked = if optical[j] { i } else { j };
                optical[marked] = true;
            }
        }
    }
    optical.into_iter().filter(|&one| one).count() as u64
}

/// Connected components of closeness: each keeps one pair, the others are optical.
fn count_clusters(list: &[&PairKey], distance: u32) -> u64 {
    let mut order: Vec<&PairKey> = list.to_vec();
    let tile = |pair: &PairKey| (pair.read_group, pair.location.tile);
    order.sort_unstable_by_key(|pair| (tile(pair), pair.location.x, pair.location.y));
    let mut parents: Vec<usize> = (0..order.len()).collect();
    let mut joined = 0;
    for i in 0..order.len() {
        let right = i32::from(order[i].location.x).saturating_add_unsigned(distance);
        let near = (i + 1..order.len())
            .take_while(|&j| tile(order[j]) == tile(order[i]))
            .take_while(|&j| i32::from(order[j].location.x) <= right);
        for j in near {
            if is_close(order[i], order[j], distance) && join(&mut parents, i, j) {
                joined += 1;
            }
        }
    }
    joined
}

/// Joins two components; false if they were one already.
fn join(parents: &mut [usize], i: usize, j: usize) -> bool {
    let (i, j) = (root(parents, i), root(parents, j));
    parents[i] = j;
    i != j
}

fn root(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}
