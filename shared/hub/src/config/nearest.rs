//! "Did you mean": the known word that a misspelt one is nearest to.

/// The nearest of the known words, if it is near enough to be meant: one edit in
/// three letters. Case, `-` and `_` count as equal.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // A word this long is no misspelling, and comparing costs its square.
    if word.len() > 64 {
        return None;
    }
    let word = plain(word);
    known
        .into_iter()
        .map(|candidate| (edits(&word, &plain(candidate)), candidate))
        .filter(|(edits, candidate)| *edits <= candidate.chars().count().div_ceil(3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// `did you mean ...?`, or the known words when none is near.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    match nearest(word, known.iter().copied()) {
        Some(meant) => Some(format!("did you mean `{meant}`?")),
        None if known.is_empty() => None,
        None => Some(format!("one of {}", listed(known))),
    }
}

/// The words in back quotes, separated by commas.
pub(super) fn listed(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn plain(word: &str) -> Vec<char> {
    word.chars()
        .map(|c| {
            if c == '-' {
                '_'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word
/// to the other (optimal string alignment).
fn edits(from: &[char], to: &[char]) -> usize {
    // Rows of the table, the newest last: the one before is needed for swaps.
    let mut rows: [Vec<usize>; 2] = [Vec::new(), (0..=to.len()).collect()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut least = (cell(&rows[1], j) + usize::from(a != b))
                .min(cell(&rows[1], j + 1) + 1)
                .min(cell(&row, j) + 1);
            let swapped = i > 0 && j > 0 && from.get(i - 1) == Some(b) && to.get(j - 1) == Some(a);
            if swapped {
                least = least.min(cell(&rows[0], j - 1) + 1);
            }
            row.push(least);
        }
        rows.swap(0, 1);
        rows[1] = row;
    }
    rows[1].last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_count_each_kind_once() {
        let count = |a: &str, b: &str| edits(&plain(a), &plain(b));
        assert_eq!(count("platform", "platform"), 0);
        assert_eq!(count("platfrom", "platform"), 1);
        assert_eq!(count("platfom", "platform"), 1);
        assert_eq!(count("platforms", "platform"), 1);
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("abc", ""), 3);
        assert_eq!(count("kitten", "sitting"), 3);
    }

    #[test]
    fn only_near_words_are_offered() {
        let known = ["bot_owes", "preset", "on_bot_silence"];
        assert_eq!(nearest("bot-owes", known), Some("bot_owes"));
        assert_eq!(nearest("botowes", known), Some("bot_owes"));
        assert_eq!(nearest("pressets", known), Some("preset"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(
            did_you_mean("x", &["a_word", "other"]).as_deref(),
            Some("one of `a_word`, `other`")
        );
    }
}
