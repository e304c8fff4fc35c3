//! What YAML readers make of a word without quotes.
//!
//! YAML 1.1 (`kubectl`, most libraries) and YAML 1.2 disagree on many words. A value is taken as text
//! only where all of them agree that it is text.

/// What some YAML reader makes of an unquoted word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bare {
    /// Text, for all of them.
    Text,
    /// Nothing: `~`, `null`, or no word at all.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// `yes`, `off`, `n` ...: a truth value for some, text for others.
    Ambiguous(bool),
    /// A whole number that all of them read alike.
    Whole,
    /// Any other number: `0.5`, `1e3`, `0x10`, `1_000`, `1:30`, `.inf`.
    Number,
}

pub(crate) fn bare(word: &str) -> Bare {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => Bare::Null,
        "true" => Bare::Boolean(true),
        "false" => Bare::Boolean(false),
        "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Bare::Ambiguous(true),
        "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Bare::Ambiguous(false),
        _ if is_whole(word) => Bare::Whole,
        _ if is_number(word) => Bare::Number,
        _ => Bare::Text,
    }
}

fn is_whole(word: &str) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // `010` is eight in YAML 1.1 and ten in YAML 1.2.
    all && (digits == "0" || !digits.starts_with('0'))
}

fn is_number(word: &str) -> bool {
    let word = word.strip_prefix(['-', '+']).unwrap_or(word);
    let special = matches!(word, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN");
    if special || !word.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return special;
    }
    let radix = |prefix: &str, base: u32| {
        word.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c == '_' || c.is_digit(base)))
    };
    if radix("0x", 16) || radix("0b", 2) || radix("0o", 8) {
        return true;
    }
    let plain = word.replace('_', "");
    if plain.parse::<f64>().is_ok() && plain.bytes().any(|byte| byte.is_ascii_digit()) {
        return true;
    }
    // YAML 1.1 counts `1:30` in sixties.
    let groups: Vec<&str> = plain.split(':').collect();
    let sixties = |group: &str| group.parse::<f64>().is_ok_and(|number| number < 60.0);
    groups.len() > 1
        && groups[0].bytes().all(|byte| byte.is_ascii_digit())
        && !groups[0].is_empty()
        && groups[1..]
            .iter()
            .all(|group| (1..=2).contains(&group.split('.').next().unwrap_or("").len()) && sixties(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_text_only_where_every_reader_agrees() {
        for word in
            ["cart", "1.2.3", "10.0.0.1:8080", "30s", "99%", "2026-12-24", "-", ".", "e3", "1x", "fd00::1", "nope"]
        {
            assert_eq!(bare(word), Bare::Text, "{word}");
        }
        for word in ["1.10", "0.5", "1e3", "0x10", "010", "1_000", "1:30", ".inf", "+1", "-.5", "12:30:45"] {
            assert_eq!(bare(word), Bare::Number, "{word}");
        }
        for word in ["0", "30", "-5"] {
            assert_eq!(bare(word), Bare::Whole, "{word}");
        }
        assert_eq!(bare("yes"), Bare::Ambiguous(true));
        assert_eq!(bare("n"), Bare::Ambiguous(false));
        assert_eq!(bare("~"), Bare::Null);
    }
}
