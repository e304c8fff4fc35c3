//! `into:` -> instances: who matches, who is picked.
//!
//! A pick ranks the candidates by a hash of the run's seed and the instance, so that equal candidates
//! give the same pick in every step of a run: a ramp of three steps hits one instance. Shot n of an
//! `every` adds n, and picks anew.

use super::{Instance, Pick, Selector};
use crate::name::InstanceName;
use std::collections::BTreeSet;

/// Whom a selector means, as things are now.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection<'a> {
    /// Who is picked, by name.
    pub targets: Vec<&'a Instance>,
    /// Everyone that matches platform, namespace and labels alone: limits count against these.
    pub population: BTreeSet<InstanceName>,
}

/// Why a selector means nobody, or nobody in particular.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// Nothing matches.
    #[error("no instance matches {wanted}")]
    Nobody {
        /// The selector in words.
        wanted: String,
    },
    /// There is no `pick`, and several match.
    #[error("{found} instances match {wanted}; say which with `pick: all`, `pick: one` or a number")]
    NotOne {
        /// How many match.
        found: usize,
        /// The selector in words.
        wanted: String,
    },
    /// `pick` asks for more than there are.
    #[error("`pick: {asked}` asks for more than the {found} that match {wanted}")]
    TooFew {
        /// How many are asked for.
        asked: u32,
        /// How many match.
        found: usize,
        /// The selector in words.
        wanted: String,
    },
    /// `pick: 0`.
    #[error("`pick: 0` hits nobody")]
    PicksNobody,
}

impl Selector {
    /// Whether the instance matches everything but `where` and `pick`. The caller has looked up the platform.
    pub fn matches(&self, instance: &Instance) -> bool {
        self.is_of_population(instance)
            && self.names.as_ref().is_none_or(|names| names.contains(&instance.name))
            && self.node.as_ref().is_none_or(|node| *node == instance.node)
            && self.zone.as_ref().is_none_or(|zone| Some(zone) == instance.zone.as_ref())
    }

    /// Whether the instance matches namespace and labels: limits count against these.
    pub fn is_of_population(&self, instance: &Instance) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| Some(namespace) == instance.namespace.as_ref())
            && self.labels.iter().all(|(key, value)| instance.labels.get(key) == Some(value))
    }

    /// The selector in words, for people.
    pub fn in_words(&self) -> String {
        let mut words = Vec::new();
        if let Some(platform) = &self.platform {
            words.push(format!("platform {platform}"));
        }
        if let Some(namespace) = &self.namespace {
            words.push(format!("namespace {namespace}"));
        }
        words.extend(self.labels.iter().map(|(key, value)| format!("{key}={value}")));
        if let Some(names) = &self.names {
            let names: Vec<&str> = names.iter().map(InstanceName::as_str).collect();
            words.push(format!("named {}", names.join(" or ")));
        }
        if let Some(node) = &self.node {
            words.push(format!("on node {node}"));
        }
        if let Some(zone) = &self.zone {
            words.push(format!("in zone {zone}"));
        }
        if let Some(condition) = &self.r#where {
            words.push(format!("where `{}` is {}", condition.query.text, condition.is));
        }
        if words.is_empty() { "the whole platform".to_owned() } else { words.join(", ") }
    }
}

/// Finds out whom a selector means. `matching_where` holds those that its `where` lets through; `None`:
/// it has none. `shot` counts the shots of an `every`.
///
/// # Errors
/// When nobody matches, or not as many as are to be picked.
pub fn select<'a>(
    selector: &Selector,
    instances: &'a [Instance],
    matching_where: Option<&BTreeSet<InstanceName>>,
    seed: u64,
    shot: Option<u32>,
) -> Result<Selection<'a>, SelectError> {
    let wanted = || selector.in_words();
    let mut candidates: Vec<&Instance> = instances
        .iter()
        .filter(|instance| selector.matches(instance))
        .filter(|instance| matching_where.is_none_or(|matching| matching.contains(&instance.name)))
        .collect();
    candidates.sort_by(|one, other| one.name.cmp(&other.name));
    let found = candidates.len();
    if found == 0 {
        return Err(SelectError::Nobody { wanted: wanted() });
    }
    let count = match selector.pick {
        None if found > 1 => return Err(SelectError::NotOne { found, wanted: wanted() }),
        None | Some(Pick::One) => 1,
        Some(Pick::All) => found,
        Some(Pick::Count(0)) => return Err(SelectError::PicksNobody),
        Some(Pick::Count(asked)) => {
            let count = usize::try_from(asked).unwrap_or(usize::MAX);
            if count > found {
                return Err(SelectError::TooFew { asked, found, wanted: wanted() });
            }
            count
        }
        Some(Pick::Share(share)) if share.fraction() == 0.0 => return Err(SelectError::PicksNobody),
        Some(Pick::Share(share)) => share_of(share.fraction(), found).max(1),
    };
    candidates.sort_by_key(|instance| (rank(seed, shot, &instance.name), instance.name.clone()));
    candidates.truncate(count);
    candidates.sort_by(|one, other| one.name.cmp(&other.name));
    let population = instances
        .iter()
        .filter(|instance| selector.is_of_population(instance))
        .map(|instance| instance.name.clone())
        .collect();
    Ok(Selection { targets: candidates, population })
}

/// A share of a count, rounded down. A share that is whole but for binary fractions counts as whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts of instances are far below 2^52, and the share lies between 0 and 1"
)]
pub(crate) fn share_of(fraction: f64, count: usize) -> usize {
    (fraction * count as f64 + 1e-9).floor() as usize
}

/// Where an instance stands in the order of picking.
fn rank(seed: u64, shot: Option<u32>, name: &InstanceName) -> u64 {
    // FNV-1a over the name, then SplitMix64's finalizer: a record must give the same pick for ever,
    // which the standard library's hasher does not promise.
    let start = mix(seed) ^ shot.map_or(0, |shot| mix(u64::from(shot) + 1));
    let hash = name
        .as_str()
        .bytes()
        .fold(start ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    mix(hash)
}

fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Locator;
    use std::collections::BTreeMap;

    fn instances(count: usize) -> Vec<Instance> {
        (0..count)
            .map(|number| Instance {
                name: InstanceName::new(format!("api-{number}")),
                namespace: Some("shop".into()),
                labels: BTreeMap::from([("app".into(), "api".into())]),
                node: crate::name::NodeName::new("n1"),
                zone: Some(format!("z{}", number % 3)),
                addresses: Vec::new(),
                locator: Locator::default(),
                series: BTreeMap::new(),
            })
            .collect()
    }

    fn names(selector: &Selector, instances: &[Instance], seed: u64, shot: Option<u32>) -> Vec<String> {
        let selection = select(selector, instances, None, seed, shot).unwrap();
        selection.targets.iter().map(|target| target.name.to_string()).collect()
    }

    fn picking(pick: Pick) -> Selector {
        Selector { pick: Some(pick), ..Selector::default() }
    }

    #[test]
    fn the_same_seed_picks_the_same_and_a_bigger_pick_keeps_the_smaller() {
        let all = instances(9);
        let one = names(&picking(Pick::One), &all, 7, None);
        assert_eq!(one, names(&picking(Pick::One), &all, 7, None));
        let three = names(&picking(Pick::Count(3)), &all, 7, None);
        assert!(three.contains(&one[0]), "a ramp widens around the first pick");
        let seeds: BTreeSet<_> = (0..50).map(|seed| names(&picking(Pick::One), &all, seed, None)).collect();
        assert!(seeds.len() > 5, "other seeds pick others");
    }

    #[test]
    fn shots_pick_anew() {
        let all = instances(9);
        let shots: BTreeSet<_> = (0..20).map(|shot| names(&picking(Pick::One), &all, 7, Some(shot))).collect();
        assert!(shots.len() > 3, "{shots:?}");
    }

    #[test]
    fn the_order_of_the_inventory_does_not_matter() {
        let mut all = instances(9);
        let before = names(&picking(Pick::Count(4)), &all, 1, None);
        all.reverse();
        assert_eq!(before, names(&picking(Pick::Count(4)), &all, 1, None));
    }

    #[test]
    fn an_empty_selection_is_never_a_success() {
        let all = instances(3);
        let none = Selector { zone: Some("z9".into()), pick: Some(Pick::All), ..Selector::default() };
        let error = select(&none, &all, None, 1, None).unwrap_err();
        assert_eq!(error.to_string(), "no instance matches in zone z9");
        let nobody = Some(BTreeSet::new());
        assert!(select(&picking(Pick::All), &all, nobody.as_ref(), 1, None).is_err(), "`where` lets nobody through");
        assert_eq!(select(&picking(Pick::Count(0)), &all, None, 1, None), Err(SelectError::PicksNobody));
    }

    #[test]
    fn without_pick_exactly_one_must_match() {
        let all = instances(3);
        let error = select(&Selector::default(), &all, None, 1, None).unwrap_err();
        assert!(matches!(error, SelectError::NotOne { found: 3, .. }), "{error}");
        let named = Selector { names: Some(vec![InstanceName::new("api-1")]), ..Selector::default() };
        assert_eq!(names(&named, &all, 1, None), ["api-1"]);
    }

    #[test]
    fn shares_round_down_but_hit_at_least_one() {
        let share = |text: &str| picking(Pick::Share(text.parse().unwrap()));
        assert_eq!(names(&share("10%"), &instances(3), 1, None).len(), 1);
        assert_eq!(names(&share("50%"), &instances(3), 1, None).len(), 1);
        assert_eq!(names(&share("70%"), &instances(10), 1, None).len(), 7, "0.7 * 10 is 7.000000000000001 or 6.99...");
        assert_eq!(names(&share("100%"), &instances(3), 1, None).len(), 3);
        let error = select(&picking(Pick::Count(4)), &instances(3), None, 1, None).unwrap_err();
        assert_eq!(error.to_string(), "`pick: 4` asks for more than the 3 that match the whole platform");
    }

    #[test]
    fn the_population_ignores_zone_names_and_pick() {
        let all = instances(6);
        let narrow = Selector { zone: Some("z1".into()), pick: Some(Pick::One), ..Selector::default() };
        assert_eq!(select(&narrow, &all, None, 1, None).unwrap().population.len(), 6);
    }
}
