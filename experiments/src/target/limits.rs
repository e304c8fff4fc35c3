//! How much may be hit at any one moment, over all faults.

use super::select::share_of;
use crate::experiment::Limits;
use crate::name::InstanceName;
use crate::unit::Percent;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What settings say of limits: caps on what files may say, key by key.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitCaps {
    /// Caps `maxTargets`.
    #[serde(default)]
    pub max_targets: Option<u32>,
    /// Caps `maxPercent`.
    #[serde(default)]
    pub max_percent: Option<Percent>,
    /// At least this for `keepAtLeast`.
    #[serde(default)]
    pub keep_at_least: Option<u32>,
}

impl Limits {
    /// The stricter of file and settings, key by key.
    #[must_use]
    pub fn capped(self, caps: LimitCaps) -> Self {
        let max_targets = match (self.max_targets, caps.max_targets) {
            (Some(file), Some(cap)) => Some(file.min(cap)),
            (file, cap) => file.or(cap),
        };
        let max_percent = match caps.max_percent {
            Some(cap) if cap.fraction() < self.max_percent.fraction() => cap,
            _ => self.max_percent,
        };
        Self { max_targets, max_percent, keep_at_least: self.keep_at_least.max(caps.keep_at_least.unwrap_or(0)) }
    }
}

/// One fault that is on, or would be: whom it hits, and against whom that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Every instance it takes hold of, sharers of a namespace included.
    pub targets: BTreeSet<InstanceName>,
    /// Everyone that matches its selector's platform, namespace and labels.
    pub population: BTreeSet<InstanceName>,
}

/// More would be hit than is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverLimits {
    /// Over `maxTargets`.
    #[error("{hit} instances would be hit at once; `maxTargets` allows {allowed}")]
    Targets {
        /// How many would be hit.
        hit: usize,
        /// How many may be.
        allowed: u32,
    },
    /// Over `maxPercent`.
    #[error("{hit} of {population} would be hit at once; `maxPercent: {allowed}` allows {most}")]
    Percent {
        /// How many would be hit.
        hit: usize,
        /// Of how many.
        population: usize,
        /// The limit.
        allowed: String,
        /// How many that are.
        most: usize,
    },
    /// Under `keepAtLeast`.
    #[error("{left} of {population} would stay untouched; `keepAtLeast` asks for {wanted}")]
    Keep {
        /// How many would be left.
        left: usize,
        /// Of how many.
        population: usize,
        /// How many must be.
        wanted: u32,
    },
}

/// Checks what would be hit at one moment, over all faults that are on then.
///
/// # Errors
/// Names the first limit that would be passed.
pub fn check_limits(limits: &Limits, hits: &[Hit]) -> Result<(), OverLimits> {
    let hit: BTreeSet<&InstanceName> = hits.iter().flat_map(|one| &one.targets).collect();
    if let Some(allowed) = limits.max_targets
        && hit.len() > as_count(allowed)
    {
        return Err(OverLimits::Targets { hit: hit.len(), allowed });
    }
    for one in hits.iter().filter(|one| !one.targets.is_empty()) {
        let population = one.population.len();
        let inside = one.population.iter().filter(|name| hit.contains(name)).count();
        let most = share_of(limits.max_percent.fraction(), population);
        if inside > most {
            return Err(OverLimits::Percent { hit: inside, population, allowed: limits.max_percent.to_string(), most });
        }
        let left = population - inside;
        if left < as_count(limits.keep_at_least) {
            return Err(OverLimits::Keep { left, population, wanted: limits.keep_at_least });
        }
    }
    Ok(())
}

fn as_count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<InstanceName> {
        names.iter().map(|name| InstanceName::new(*name)).collect()
    }

    fn hit(targets: &[&str], population: &[&str]) -> Hit {
        Hit { targets: set(targets), population: set(population) }
    }

    fn limits(max_targets: Option<u32>, percent: &str, keep_at_least: u32) -> Limits {
        Limits { max_targets, max_percent: percent.parse().unwrap(), keep_at_least }
    }

    #[test]
    fn all_faults_of_a_moment_count_together() {
        let population = ["a", "b", "c", "d"];
        let usual = limits(None, "50%", 1);
        assert_eq!(check_limits(&usual, &[hit(&["a"], &population), hit(&["b"], &population)]), Ok(()));
        let three = [hit(&["a", "b"], &population), hit(&["c"], &population)];
        let error = check_limits(&usual, &three).unwrap_err();
        assert_eq!(error.to_string(), "3 of 4 would be hit at once; `maxPercent: 50%` allows 2");
        assert_eq!(check_limits(&usual, &[hit(&["a", "b"], &population), hit(&["b"], &population)]), Ok(()));
    }

    #[test]
    fn the_default_refuses_the_only_instance() {
        assert!(check_limits(&limits(None, "50%", 1), &[hit(&["a"], &["a"])]).is_err());
        let error = check_limits(&limits(None, "100%", 1), &[hit(&["a"], &["a"])]).unwrap_err();
        assert_eq!(error.to_string(), "0 of 1 would stay untouched; `keepAtLeast` asks for 1");
        assert_eq!(check_limits(&limits(None, "100%", 0), &[hit(&["a"], &["a"])]), Ok(()));
    }

    #[test]
    fn distinct_instances_count_against_max_targets() {
        let one = limits(Some(1), "100%", 0);
        assert!(check_limits(&one, &[hit(&["a"], &["a", "b"]), hit(&["a"], &["a", "c"])]).is_ok());
        assert!(check_limits(&one, &[hit(&["a"], &["a", "b"]), hit(&["c"], &["a", "c"])]).is_err());
    }

    #[test]
    fn of_file_and_settings_the_stricter_wins_key_by_key() {
        let caps = LimitCaps { max_targets: Some(2), max_percent: "30%".parse().ok(), keep_at_least: Some(1) };
        assert_eq!(limits(Some(5), "20%", 0).capped(caps), limits(Some(2), "20%", 1));
        assert_eq!(limits(None, "100%", 3).capped(LimitCaps::default()), limits(None, "100%", 3));
    }
}
