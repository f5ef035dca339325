//! Bases: two-bit codes, complements and the IUPAC alphabet.

/// The code of every base that is not A, C, G or T.
pub const AMBIGUOUS: u8 = 4;

/// The upper-case letter of each code; 4 is `N`.
pub const LETTERS: [u8; 5] = *b"ACGTN";

const CODES: [u8; 256] = codes();

const fn codes() -> [u8; 256] {
    let mut table = [AMBIGUOUS; 256];
    let mut code = 0;
    while code < 4 {
        table[LETTERS[code] as usize] = code as u8;
        table[LETTERS[code].to_ascii_lowercase() as usize] = code as u8;
        code += 1;
    }
    table
}

/// Returns 0–3 for A, C, G, T in either case, [`AMBIGUOUS`] for anything else.
#[inline]
pub const fn code(letter: u8) -> u8 {
    CODES[letter as usize]
}

/// Returns the code of the complement; [`AMBIGUOUS`] is its own.
#[inline]
pub const fn complement_code(code: u8) -> u8 {
    if code < 4 { 3 - code } else { AMBIGUOUS }
}

/// Returns the complement of an upper-case letter; what is not A, C, G or T becomes `N`.
#[inline]
pub const fn complement(letter: u8) -> u8 {
    LETTERS[complement_code(code(letter)) as usize]
}

/// Says whether a letter, in either case, is a base or an IUPAC ambiguity code.
pub const fn is_iupac(letter: u8) -> bool {
    matches!(
        letter.to_ascii_uppercase(),
        b'A' | b'C'
            | b'G'
            | b'T'
            | b'U'
            | b'R'
            | b'Y'
            | b'S'
            | b'W'
            | b'K'
            | b'M'
            | b'B'
            | b'D'
            | b'H'
            | b'V'
            | b'N'
    )
}

/// Returns where the first letter stands that is neither a base nor an IUPAC ambiguity code.
pub fn find_other(letters: &[u8]) -> Option<usize> {
    let is_common = |letter: &u8| matches!(letter & 0xDF, b'A' | b'C' | b'G' | b'T' | b'N');
    // All of them first: that needs no branch a letter.
    match letters
        .iter()
        .fold(true, |all, letter| all & is_common(letter))
    {
        true => None,
        false => letters.iter().position(|&letter| !is_iupac(letter)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complement_is_its_own_inverse() {
        for letter in LETTERS {
            assert_eq!(complement(complement(letter)), letter);
        }
    }

    #[test]
    fn ambiguity_codes_are_iupac_but_have_no_code() {
        for letter in *b"RYSWKMBDHVNrn" {
            assert!(is_iupac(letter));
            assert_eq!(code(letter), AMBIGUOUS);
        }
        assert!(!is_iupac(b'-') && !is_iupac(b'E'));
    }

    #[test]
    fn the_first_letter_that_is_no_base_is_found() {
        for letter in 0..=u8::MAX {
            let found = find_other(&[b'a', b'N', letter, b'-']);
            assert_eq!(found, Some(if is_iupac(letter) { 3 } else { 2 }));
            let found = find_other(&[b'G', letter]);
            assert_eq!(found, (!is_iupac(letter)).then_some(1));
        }
        assert_eq!(find_other(b""), None);
    }
}
