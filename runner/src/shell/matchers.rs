//! The matchers of a selector, as written: what they say of the targets that its series come from.

/// `up` of every target that may produce a selector's series: its matchers on `job` and `instance`, as written.
/// Other labels may stand on the target or on the series alone, which cannot be told from here.
pub(super) fn proof_selector(selector: &str) -> String {
    let of_target =
        |matcher: &&str| matches!(matcher.split(['=', '!']).next().map(str::trim), Some("job" | "instance"));
    let kept: Vec<&str> = matchers(selector).into_iter().filter(of_target).collect();
    if kept.is_empty() { "up".to_owned() } else { format!("up{{{}}}", kept.join(",")) }
}

/// The matchers of a selector, as written.
pub(super) fn matchers(selector: &str) -> Vec<&str> {
    let inner = selector.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(inner, _)| inner);
    let mut found = Vec::new();
    let (mut begun, mut quote, mut escaped) = (0, None, false);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), letter) if open == letter => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(letter),
            (None, ',') => {
                found.push(inner[begun..at].trim());
                begun = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|matcher| !matcher.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_of_silence_is_asked_of_the_targets_in_question() {
        for (selector, proof) in [
            ("errors_total", "up"),
            (r#"errors_total{code="500"}"#, "up"),
            (r#"errors_total{job="shop",code=~"5..",instance!~"a,b"}"#, r#"up{job="shop",instance!~"a,b"}"#),
            (r#"{__name__="x",path="a\",job=\"b", job='c'}"#, "up{job='c'}"),
        ] {
            assert_eq!(proof_selector(selector), proof, "{selector}");
        }
    }
}
