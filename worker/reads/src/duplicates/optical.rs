//! Which pairs of a duplicate set come from one cluster that was seen twice.

use super::key::{Orientation, PairKey};
use super::mark::MarkOptions;

/// Finds out which pairs of a set are optical duplicates.
///
/// A set in which first reads lie both left and right is two sets for this; the keeper counts in
/// its own alone.
pub(super) fn find(set: &[PairKey], keeper: usize, options: &MarkOptions) -> Vec<bool> {
    let mut optical = vec![false; set.len()];
    let is = |orientation| move |pair: &PairKey| pair.read_orientation == orientation;
    let both = [Orientation::ForwardReverse, Orientation::ReverseForward];
    if !both.iter().all(|&one| set.iter().any(is(one))) {
        let list: Vec<usize> = (0..set.len()).collect();
        find_in(set, &list, Some(keeper), options, &mut optical);
        return optical;
    }
    for orientation in both {
        let members = (0..set.len()).filter(|&index| is(orientation)(&set[index]));
        let list: Vec<usize> = members.collect();
        let keeper = Some(keeper).filter(|keeper| list.contains(keeper));
        find_in(set, &list, keeper, options, &mut optical);
    }
    optical
}

/// Marks the optical duplicates among those members of a set whose indices are in a list.
fn find_in(
    set: &[PairKey],
    list: &[usize],
    keeper: Option<usize>,
    options: &MarkOptions,
    optical: &mut [bool],
) {
    if list.len() < 2 || list.len() > options.max_optical_set {
        return;
    }
    let distance = options.optical_distance_pixels;
    let smallest_clustered = if keeper.is_some() { 4 } else { 3 };
    if list.len() >= smallest_clustered {
        find_clusters(set, list, keeper, distance, optical);
    } else {
        find_few(set, list, keeper, distance, optical);
    }
}

fn is_close(a: &PairKey, b: &PairKey, distance: u32) -> bool {
    a.read_group == b.read_group && a.location.is_close(&b.location, distance)
}

/// Up to three pairs: what is close to the keeper, then one of each other close two.
fn find_few(
    set: &[PairKey],
    list: &[usize],
    keeper: Option<usize>,
    distance: u32,
    optical: &mut [bool],
) {
    if let Some(keeper) = keeper {
        for &index in list.iter().filter(|&&index| index != keeper) {
            optical[index] = is_close(&set[keeper], &set[index], distance);
        }
    }
    let others = || list.iter().filter(|&&index| Some(index) != keeper);
    for (at, &i) in others().enumerate() {
        for &j in others().skip(at + 1) {
            if !(optical[i] && optical[j]) && is_close(&set[i], &set[j], distance) {
                let marked = if optical[j] { i } else { j };
                optical[marked] = true;
            }
        }
    }
}

/// Connected components of closeness: each keeps the keeper, or the pair with the smallest x and
/// y; the others are optical.
fn find_clusters(
    set: &[PairKey],
    list: &[usize],
    keeper: Option<usize>,
    distance: u32,
    optical: &mut [bool],
) {
    let tile = |index: usize| (set[index].read_group, set[index].location.tile);
    let point = |index: usize| (set[index].location.x, set[index].location.y);
    let mut order: Vec<usize> = list.to_vec();
    // Whoever comes first stays: equal points keep the order of the set.
    order.sort_by_key(|&index| (tile(index), point(index)));
    let mut parents: Vec<usize> = (0..order.len()).collect();
    for i in 0..order.len() {
        let right = i32::from(set[order[i]].location.x).saturating_add_unsigned(distance);
        let near = (i + 1..order.len())
            .take_while(|&j| tile(order[j]) == tile(order[i]))
            .take_while(|&j| i32::from(set[order[j]].location.x) <= right);
        for j in near {
            if is_close(&set[order[i]], &set[order[j]], distance) {
                join(&mut parents, i, j);
            }
        }
    }
    let keeper_root = keeper
        .and_then(|keeper| order.iter().position(|&index| index == keeper))
        .map(|at| root(&mut parents, at));
    let mut has_stayed = vec![false; order.len()];
    for at in 0..order.len() {
        let root = root(&mut parents, at);
        let stays = match Some(root) == keeper_root {
            true => Some(order[at]) == keeper,
            false => !std::mem::replace(&mut has_stayed[root], true),
        };
        optical[order[at]] = !stays;
    }
}

/// Joins two components.
fn join(parents: &mut [usize], i: usize, j: usize) {
    let (i, j) = (root(parents, i), root(parents, j));
    parents[i] = j;
}

fn root(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}
