//! The shots of an `every`: each picks anew, so a plan must show, check and lock everyone whom any of them may hit.

use crate::experiment::{Inject, Lasting};
use crate::name::InstanceName;
use crate::target::{Instance, Pick, SelectError, Selection, Selector, select};
use std::collections::BTreeSet;

/// Of so many shots, every different pick is planned. Beyond that only those that hit somebody new: a shot every
/// 100 ms for an hour would be 36,000 picks that nobody reads, of instances that are all known after a few hundred.
const PLANNED_ONE_BY_ONE: u32 = 100;

/// How often a step shoots.
pub(crate) fn shots(inject: &Inject) -> u32 {
    match (&inject.every, &inject.lasting) {
        (Some(every), Lasting::For(length)) if !every.get().is_zero() => {
            u32::try_from(length.get().as_nanos().div_ceil(every.get().as_nanos())).unwrap_or(u32::MAX).max(1)
        }
        _ => 1,
    }
}

/// The picks that a plan is made of: together they hit everyone whom any shot of the step hits.
pub(super) fn picks<'a>(
    inject: &Inject,
    into: &Selector,
    instances: &'a [Instance],
    matching_where: Option<&BTreeSet<InstanceName>>,
    seed: u64,
) -> Result<Vec<Selection<'a>>, SelectError> {
    let pick = |shot| select(into, instances, matching_where, seed, shot);
    if inject.every.is_none() {
        return Ok(vec![pick(None)?]);
    }
    let all = Selector { pick: Some(Pick::All), ..into.clone() };
    let candidates = select(&all, instances, matching_where, seed, None)?.targets.len();
    let mut picks: Vec<Selection<'a>> = Vec::new();
    let mut hit: BTreeSet<&InstanceName> = BTreeSet::new();
    for shot in 0..shots(inject) {
        let is_late = shot >= PLANNED_ONE_BY_ONE;
        if is_late && hit.len() == candidates {
            break;
        }
        let picked = pick(Some(shot))?;
        let before = hit.len();
        hit.extend(picked.targets.iter().map(|instance| &instance.name));
        let is_new = hit.len() > before || (!is_late && !picks.contains(&picked));
        if is_new {
            picks.push(picked);
        }
    }
    Ok(picks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::build::{app, for_seconds, instances, kill};
    use std::time::Duration;

    /// So many instances of one service, one of which is shot each second, for so long.
    fn planned(count: usize, seconds: u64) -> (BTreeSet<InstanceName>, BTreeSet<InstanceName>, usize) {
        let model = instances().into_iter().find(|one| one.labels.get("app").is_some_and(|app| app == "api")).unwrap();
        let many: Vec<Instance> = (0..count)
            .map(|number| Instance { name: InstanceName::new(format!("api-{number:03}")), ..model.clone() })
            .collect();
        let into = Selector { pick: Some(Pick::One), ..app("api") };
        let every = Some(Duration::from_secs(1).into());
        let inject = Inject { fault: kill(), into: into.clone(), lasting: for_seconds(seconds), every, witness: None };
        let names = |picks: &[Selection<'_>]| -> BTreeSet<InstanceName> {
            picks.iter().flat_map(|pick| &pick.targets).map(|instance| instance.name.clone()).collect()
        };
        let picks = picks(&inject, &into, &many, None, 7).unwrap();
        let shot: Vec<Selection<'_>> =
            (0..shots(&inject)).map(|shot| select(&into, &many, None, 7, Some(shot)).unwrap()).collect();
        (names(&picks), names(&shot), picks.len())
    }

    #[test]
    fn whoever_a_late_shot_hits_is_planned_too() {
        let (early, _, _) = planned(200, 100);
        let (shown, hit, _) = planned(200, 400);
        assert!(hit.len() > early.len(), "shots past the hundredth hit somebody new");
        assert_eq!(shown, hit);
    }

    #[test]
    fn a_plan_of_ever_so_many_shots_ends_once_everybody_is_in_it() {
        let (shown, _, picks) = planned(5, 100_000);
        assert_eq!((shown.len(), picks), (5, 5));
    }
}
