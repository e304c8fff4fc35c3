//! Sentences of the judge: words in backticks are code.

use super::svg::escaped;

/// Escapes a sentence, then puts what stands between two backticks into `<code>`.
pub(super) fn prose(sentence: &str) -> String {
    let mut out = String::new();
    // A part is followed by a backtick unless it is the last: one without a partner stays a backtick.
    let parts: Vec<String> = sentence.split('`').map(escaped).collect();
    for (place, part) in parts.iter().enumerate() {
        let is_last = place + 1 == parts.len();
        match (place % 2, is_last) {
            (0, _) => out.push_str(part),
            (_, false) => out.push_str(&format!("<code>{part}</code>")),
            (_, true) => out.push_str(&format!("`{part}")),
        }
    }
    out
}

/// A page without control characters: HTML has no way to write them, and a terminal that shows the file
/// would obey them.
pub(super) fn harmless(page: &str) -> String {
    let harmless = |letter: char| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter };
    page.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_backticks_become_code_and_stay_harmless() {
        assert_eq!(prose("became `1` in time"), "became <code>1</code> in time");
        assert_eq!(prose("`<b>` and `"), "<code>&lt;b&gt;</code> and `");
        assert_eq!(prose("a & b"), "a &amp; b");
    }
}
