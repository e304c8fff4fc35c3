//! Which metric source a claim, a witness or a `where` means. Whoever asks, and whoever judges by that source's
//! clock, look here: two rules would judge one source's samples by another one's clock.

use crate::name::PlatformName;
use std::collections::BTreeMap;

/// The key of the source that belongs to no platform: the settings' own `prometheus`.
const GLOBAL: &str = "";

/// The source of a platform, with its key: the platform's own, else the settings' own, else the only one there is.
pub fn source_of<'a, T>(
    sources: &'a BTreeMap<String, T>,
    platform: Option<&PlatformName>,
) -> Option<(&'a String, &'a T)> {
    platform
        .and_then(|name| sources.get_key_value(name.as_str()))
        .or_else(|| sources.get_key_value(GLOBAL))
        .or_else(|| sources.iter().next().filter(|_| sources.len() == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sources: &[&str], platform: Option<&str>) -> Option<String> {
        let sources = sources.iter().map(|name| ((*name).to_owned(), ())).collect();
        let platform = platform.map(|name| name.parse().unwrap());
        source_of(&sources, platform.as_ref()).map(|(name, ())| name.clone())
    }

    #[test]
    fn a_platforms_own_source_comes_first_then_the_settings_own_then_the_only_one() {
        for (sources, platform, meant) in [
            (&["", "one"][..], Some("one"), Some("one")),
            (&["", "one"], Some("two"), Some("")),
            (&["", "one"], None, Some("")),
            (&[""], Some("one"), Some("")),
            (&["one"], None, Some("one")),
            (&["one"], Some("two"), Some("one")),
            (&["one", "two"], None, None),
            (&["one", "two"], Some("three"), None),
            (&[], None, None),
        ] {
            assert_eq!(found(sources, platform).as_deref(), meant, "{sources:?} {platform:?}");
        }
    }
}
