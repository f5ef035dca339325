//! Context and cycle of each base of a read, in the order of sequencing.

use genome::base;

use super::LOW_QUALITY_TAIL;

/// How many contexts there are: two bases.
pub const CONTEXTS: usize = 16;

/// Writes the context of each base: 4 × the code of the base before it in sequencing order + its
/// own; `None` for the first base, and where one of both is ambiguous or in a low-quality tail.
///
/// `codes` are those of the forward strand, `qualities` as many.
pub fn context(codes: &[u8], qualities: &[u8], reverse: bool, contexts: &mut Vec<Option<u8>>) {
    contexts.clear();
    contexts.resize(codes.len(), None);
    let good = |quality: &u8| *quality > LOW_QUALITY_TAIL;
    let Some(first) = qualities.iter().position(good) else {
        return;
    };
    let last = qualities.iter().rposition(good).unwrap_or(first);
    for right in first + 1..=last {
        let (before, after) = (codes[right - 1], codes[right]);
        if before == base::AMBIGUOUS || after == base::AMBIGUOUS {
            continue;
        }
        if reverse {
            let complement = base::complement_code;
            contexts[right - 1] = Some(4 * complement(after) + complement(before));
        } else {
            contexts[right] = Some(4 * before + after);
        }
    }
}

/// Returns the cycle of a base: 1 is the first that was sequenced; second reads count negative.
pub const fn cycle(index: usize, length: usize, reverse: bool, second: bool) -> i32 {
    let from_start = if reverse { length - index } else { index + 1 };
    if second {
        -(from_start as i32)
    } else {
        from_start as i32
    }
}

/// Returns the letters of a context.
pub fn context_letters(context: u8) -> String {
    let letter = |code: u8| char::from(base::LETTERS[usize::from(code)]);
    [letter(context / 4), letter(context % 4)].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(contexts: &[Option<u8>]) -> String {
        let text = |context: &Option<u8>| context.map_or("-".to_owned(), context_letters) + " ";
        contexts.iter().map(text).collect()
    }

    #[test]
    fn contexts_follow_the_strand() {
        let codes = b"ACGNT".map(base::code);
        let mut contexts = Vec::new();
        context(&codes, &[30; 5], false, &mut contexts);
        assert_eq!(text(&contexts), "- AC CG - - ");
        context(&codes, &[30; 5], true, &mut contexts);
        assert_eq!(text(&contexts), "GT CG - - - ");
    }

    #[test]
    fn low_quality_tails_have_no_context() {
        let codes = b"ACGTAC".map(base::code);
        let mut contexts = Vec::new();
        context(&codes, &[2, 30, 2, 30, 30, 1], false, &mut contexts);
        assert_eq!(text(&contexts), "- - CG GT TA - ");
        context(&codes, &[2; 6], false, &mut contexts);
        assert_eq!(text(&contexts), "- - - - - - ");
    }

    #[test]
    fn cycles_count_from_the_first_base_sequenced() {
        assert_eq!(cycle(0, 10, false, false), 1);
        assert_eq!(cycle(0, 10, true, false), 10);
        assert_eq!(cycle(9, 10, true, true), -1);
    }
}
