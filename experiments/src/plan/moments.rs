//! Which faults may be on at one moment, by the structure of the method alone: a step that comes after
//! another in a list never meets it, branches of a `parallel` may meet in every way.

use crate::experiment::{Step, StepId, StepKind};
use std::collections::BTreeSet;

/// Above this the branches of a `parallel` are taken to be on all at once: never too few, maybe too many.
const MOST: usize = 4096;

/// Every largest set of faults that may be on together.
pub(crate) fn moments(steps: &[Step]) -> Vec<BTreeSet<StepId>> {
    let mut found: Vec<BTreeSet<StepId>> = steps.iter().flat_map(of_step).collect();
    found.sort_by_key(|moment| std::cmp::Reverse(moment.len()));
    let mut largest: Vec<BTreeSet<StepId>> = Vec::new();
    for moment in found {
        if !largest.iter().any(|larger| moment.is_subset(larger)) {
            largest.push(moment);
        }
    }
    largest
}

fn of_step(step: &Step) -> Vec<BTreeSet<StepId>> {
    match &step.kind {
        StepKind::Wait(_) | StepKind::WaitFor(_) => Vec::new(),
        StepKind::Perform(_) => moments(step.children()),
        StepKind::Inject(_) => {
            let mut inner = moments(step.children());
            if inner.is_empty() {
                inner.push(BTreeSet::new());
            }
            for moment in &mut inner {
                moment.insert(step.id);
            }
            inner
        }
        StepKind::Parallel(branches) => {
            let of_branches: Vec<Vec<BTreeSet<StepId>>> =
                branches.iter().map(of_step).filter(|of| !of.is_empty()).collect();
            let ways: usize = of_branches.iter().map(Vec::len).fold(1, usize::saturating_mul);
            if ways > MOST {
                return vec![of_branches.into_iter().flatten().flatten().collect()];
            }
            of_branches.into_iter().fold(Vec::new(), |met, branch| match met.is_empty() {
                true => branch,
                false => met
                    .iter()
                    .flat_map(|one| branch.iter().map(move |other| one.union(other).copied().collect()))
                    .collect(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Inject, Lasting};
    use crate::fault::{Fault, Pause};
    use crate::target::Selector;

    fn fault(id: u32, meanwhile: Vec<Step>) -> Step {
        let inject = Inject {
            fault: Fault::Pause(Pause::default()),
            into: Selector::default(),
            lasting: Lasting::Meanwhile(meanwhile),
            every: None,
            witness: None,
        };
        Step { id: StepId(id), name: None, kind: StepKind::Inject(Box::new(inject)) }
    }

    fn sets(of: &[&[u32]]) -> BTreeSet<BTreeSet<StepId>> {
        of.iter().map(|set| set.iter().copied().map(StepId).collect()).collect()
    }

    #[test]
    fn what_follows_never_meets_and_what_is_nested_or_parallel_does() {
        let found = |steps: &[Step]| moments(steps).into_iter().collect::<BTreeSet<_>>();
        assert_eq!(found(&[fault(0, vec![]), fault(1, vec![])]), sets(&[&[0], &[1]]));
        assert_eq!(found(&[fault(0, vec![fault(1, vec![]), fault(2, vec![])])]), sets(&[&[0, 1], &[0, 2]]));
        let branches = vec![fault(1, vec![]), fault(2, vec![fault(3, vec![]), fault(4, vec![])])];
        let parallel = Step { id: StepId(0), name: None, kind: StepKind::Parallel(branches) };
        assert_eq!(found(&[parallel]), sets(&[&[1, 2, 3], &[1, 2, 4]]));
    }
}
