//! An unstable sort whose order among equal keys is fixed.
//!
//! bwa's answers depend on the order in which its introsort leaves equal keys. This is the same
//! procedure: quicksort with the median of three, ranges of at most 16 left to one insertion
//! sort at the end, comb sort where the recursion goes too deep.

const SMALL: usize = 16;
const COMB_SHRINK: f64 = 1.247_330_950_103_978_7;

/// Sorts by `less`, a strict order.
pub(crate) fn introsort<T: Copy>(items: &mut [T], less: impl Fn(&T, &T) -> bool) {
    if items.len() < 2 {
        return;
    }
    if items.len() == 2 {
        if less(&items[1], &items[0]) {
            items.swap(0, 1);
        }
        return;
    }
    let mut log = 2u32;
    while 1usize << log < items.len() {
        log += 1;
    }
    let mut ranges: Vec<(usize, usize, u32)> = Vec::new();
    let mut range = (0, items.len() - 1, 2 * log);
    loop {
        let (start, end, mut depth) = range;
        if start < end {
            depth -= 1;
            if depth == 0 {
                comb_sort(&mut items[start..=end], &less);
                range.1 = start;
                continue;
            }
            let pivot = partition(items, (start, end), &less);
            range = smaller_part(&mut ranges, (start, end, depth), pivot);
        } else if let Some(next) = ranges.pop() {
            range = next;
        } else {
            break;
        }
    }
    insertion_sort(items, &less);
}

/// Stacks the larger part if it is large, and returns the smaller one, emptied if it is small.
fn smaller_part(
    ranges: &mut Vec<(usize, usize, u32)>,
    (start, end, depth): (usize, usize, u32),
    pivot: usize,
) -> (usize, usize, u32) {
    let (left, right) = (pivot - start, end - pivot);
    if left > right {
        if left > SMALL {
            ranges.push((start, pivot - 1, depth));
        }
        return if right > SMALL {
            (pivot + 1, end, depth)
        } else {
            (end, end, depth)
        };
    }
    if right > SMALL {
        ranges.push((pivot + 1, end, depth));
    }
    if left > SMALL {
        (start, pivot - 1, depth)
    } else {
        (start, start, depth)
    }
}

/// Partitions `start..=end` and returns where the pivot lies.
fn partition<T: Copy>(
    items: &mut [T],
    (start, end): (usize, usize),
    less: &impl Fn(&T, &T) -> bool,
) -> usize {
    let middle = start + (end - start) / 2 + 1;
    let chosen = if less(&items[middle], &items[start]) {
        if less(&items[middle], &items[end]) {
            end
        } else {
            middle
        }
    } else if less(&items[end], &items[start]) {
        start
    } else {
        end
    };
    let pivot = items[chosen];
    items.swap(chosen, end);
    let (mut i, mut j) = (start, end);
    loop {
        i += 1;
        while less(&items[i], &pivot) {
            i += 1;
        }
        j -= 1;
        while i <= j && less(&pivot, &items[j]) {
            j -= 1;
        }
        if j <= i {
            break;
        }
        items.swap(i, j);
    }
    items.swap(i, end);
    i
}

fn insertion_sort<T: Copy>(items: &mut [T], less: &impl Fn(&T, &T) -> bool) {
    for i in 1..items.len() {
        let mut j = i;
        while j > 0 && less(&items[j], &items[j - 1]) {
            items.swap(j, j - 1);
            j -= 1;
        }
    }
}

fn comb_sort<T: Copy>(items: &mut [T], less: &impl Fn(&T, &T) -> bool) {
    let mut gap = items.len();
    loop {
        if gap > 2 {
            gap = (gap as f64 / COMB_SHRINK) as usize;
            if gap == 9 || gap == 10 {
                gap = 11;
            }
        }
        let mut swapped = false;
        for i in 0..items.len().saturating_sub(gap) {
            if less(&items[i + gap], &items[i]) {
                items.swap(i, i + gap);
                swapped = true;
            }
        }
        if !swapped && gap <= 2 {
            break;
        }
    }
    if gap != 1 {
        insertion_sort(items, less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_key(one: &(u8, usize), other: &(u8, usize)) -> bool {
        one.0 < other.0
    }

    fn numbered(keys: &[u8]) -> Vec<(u8, usize)> {
        keys.iter().copied().zip(0..).collect()
    }

    fn order(keys: &[u8]) -> Vec<usize> {
        let mut items = numbered(keys);
        introsort(&mut items, by_key);
        items.into_iter().map(|(_, at)| at).collect()
    }

    proptest! {
        #[test]
        fn items_come_out_sorted_and_complete(keys in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut items = numbered(&keys);
            introsort(&mut items, by_key);
            prop_assert!(items.is_sorted_by_key(|item| item.0));
            let mut places: Vec<_> = items.iter().map(|item| item.1).collect();
            places.sort_unstable();
            prop_assert!(places.into_iter().eq(0..keys.len()));
            let mut combed = numbered(&keys);
            comb_sort(&mut combed, &by_key);
            prop_assert!(combed.is_sorted_by_key(|item| item.0));
        }
    }

    #[test]
    fn equal_keys_end_where_the_partition_leaves_them() {
        assert_eq!(order(&[1, 1]), [0, 1]);
        // The last is the pivot; the second and it change places when the scans meet.
        assert_eq!(order(&[1, 1, 1]), [0, 2, 1]);
        assert_eq!(order(&[1, 1, 1, 1]), [0, 2, 3, 1]);
    }
}
