//! A word that is none of those that were expected.

/// How like a known word another must be to be taken for it, by Jaro and Winkler's measure, where 1 is the same.
const ALIKE: f64 = 0.75;

/// The known word that was probably meant.
pub(crate) fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let likeness = |known: &'a str| (strsim::jaro_winkler(&word, &known.to_lowercase()), known);
    let best = known.into_iter().map(likeness).max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|&(likeness, _)| likeness > ALIKE).map(|(_, known)| known)
}

/// One sentence for a word that is none of the known ones: what was probably meant, and what there is.
pub(crate) fn unknown<'a>(
    word: &str,
    what: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    let all = known.clone().into_iter().collect::<Vec<_>>().join(", ");
    match meant(word, known) {
        Some(meant) => {
            format!("`{word}` is not {what}; did you mean `{meant}`? Otherwise choose one of {all}")
        }
        None => format!("`{word}` is not {what}; choose one of {all}"),
    }
}

/// The same where it goes without saying what the known ones are.
pub(crate) fn not_one_of<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let all = known.clone().into_iter().collect::<Vec<_>>().join(", ");
    let meant = meant(word, known).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    format!("`{word}` is not one of {all}{meant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 4] = ["two-copy", "one-copy", "zero-copy", "uring-send-zc"];

    #[test]
    fn a_mistyped_word_is_recognised_and_another_is_not() {
        for (typed, known) in
            [("zerocopy", "zero-copy"), ("Zero-Copy", "zero-copy"), ("uring-send-cz", "uring-send-zc")]
        {
            assert_eq!(meant(typed, PATHS), Some(known), "{typed}");
        }
        assert_eq!((meant("splice", PATHS), meant("", PATHS), meant("zero-copy", [])), (None, None, None));
    }

    #[test]
    fn the_sentence_says_what_there_is() {
        let said = "`zero` is not a path; did you mean `zero-copy`? Otherwise choose one of two-copy, one-copy, zero-copy, uring-send-zc";
        assert_eq!(unknown("zero", "a path", PATHS), said);
        assert_eq!(unknown("x", "a path", ["y"]), "`x` is not a path; choose one of y");
        assert_eq!(
            not_one_of("fresch", ["static", "fresh"]),
            "`fresch` is not one of static, fresh; did you mean `fresh`?"
        );
    }
}
