//! Context and cycle of each base of a read, in the order of sequencing.

use genome::base;

use super::LOW_QUALITY_TAIL;

/// How many contexts there are: two bases.
pub const CONTEXTS: usize = 16;

/// What stands for no context.
pub const NO_CONTEXT: u8 = CONTEXTS as u8;

/// Writes the context of each base: 4 × the code of the base before it in sequencing order + its
/// own; [`NO_CONTEXT`] for the first base, and where one of both is ambiguous or in a low-quality
/// tail.
///
/// `codes` are those of the forward strand, `qualities` as many.
pub fn context(codes: &[u8], qualities: &[u8], reverse: bool, contexts: &mut Vec<u8>) {
    contexts.clear();
    contexts.resize(codes.len(), NO_CONTEXT);
    let good = |quality: &u8| *quality > LOW_QUALITY_TAIL;
    let Some(first) = qualities.iter().position(good) else {
        return;
    };
    let last = qualities.iter().rposition(good).unwrap_or(first);
    let known = |left: u8, right: u8, context: u8| match (left | right) & base::AMBIGUOUS {
        0 => context,
        _ => NO_CONTEXT,
    };
    let pairs = codes[first..last].iter().zip(&codes[first + 1..=last]);
    if reverse {
        let complement = |code: u8| 3 ^ code;
        for (context, (&left, &right)) in contexts[first..last].iter_mut().zip(pairs) {
            *context = known(left, right, 4 * complement(right) + complement(left));
        }
    } else {
        for (context, (&left, &right)) in contexts[first + 1..=last].iter_mut().zip(pairs) {
            *context = known(left, right, 4 * left + right);
        }
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

    fn text(contexts: &[u8]) -> String {
        let text = |context: &u8| match *context {
            NO_CONTEXT => "- ".to_owned(),
            context => context_letters(context) + " ",
        };
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
}
