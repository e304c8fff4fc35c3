//! Random experiments, for properties that hold of every one.

use super::build::*;
use crate::experiment::{Experiment, Lasting, Step, StepKind};
use crate::target::{Pick, Selector};
use proptest::prelude::*;

fn leaf() -> impl Strategy<Value = Step> {
    let length = 0u64..12;
    let into = prop_oneof![
        Just(app("api")),
        Just(app("db")),
        Just(Selector { pick: Some(Pick::One), ..app("api") }),
        Just(Selector { zone: Some("z1".into()), ..app("db") }),
    ];
    let fault = prop_oneof![Just(partition()), Just(delay()), Just(kill()), Just(pause())];
    prop_oneof![
        2 => length.clone().prop_map(wait),
        4 => (fault, into.clone(), length.clone()).prop_map(|(fault, into, length)| {
            inject("x", fault, into, for_seconds(length))
        }),
        1 => into.clone().prop_map(|into| inject("x", kill(), into, Lasting::Once)),
        1 => (into, 1u64..5, 0u64..15).prop_map(|(into, every, length)| {
            let mut step = inject("x", kill(), into, for_seconds(length));
            if let StepKind::Inject(inject) = &mut step.kind {
                inject.every = Some(seconds(every));
            }
            step
        }),
        2 => (0usize..3, prop_oneof![Just(None), length.prop_map(Some)]).prop_map(|(undos, length)| {
            let lasting = length.map_or(Lasting::Once, for_seconds);
            perform("x", &["one", "two"][..undos.min(2)], lasting)
        }),
        1 => (1u64..10).prop_map(|within| wait_for("x", within)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = leaf().prop_recursive(2, 8, 3, |inner| {
        let list = prop::collection::vec(inner, 1..3);
        prop_oneof![
            list.clone().prop_map(parallel),
            list.clone().prop_map(|steps| inject("x", delay(), app("web"), Lasting::Meanwhile(steps))),
            list.prop_map(|steps| perform("x", &["undo"], Lasting::Meanwhile(steps))),
        ]
    });
    prop::collection::vec(any, 1..4)
}

/// Names and places, each once.
fn name_all(experiment: &mut Experiment) {
    fn walk(steps: &mut [Step]) {
        for step in steps {
            if step.name.is_some() {
                step.name = format!("s{}", step.id.0).parse().ok();
            }
            match &mut step.kind {
                StepKind::Parallel(steps) => walk(steps),
                StepKind::Inject(inject) => {
                    if let Lasting::Meanwhile(steps) = &mut inject.lasting {
                        walk(steps);
                    }
                }
                StepKind::Perform(perform) => {
                    if let Lasting::Meanwhile(steps) = &mut perform.lasting {
                        walk(steps);
                    }
                }
                StepKind::Wait(_) | StepKind::WaitFor(_) => {}
            }
        }
    }
    renumber(experiment);
    walk(&mut experiment.method);
}

prop_compose! {
    pub(super) fn experiments()(
        method in steps(),
        prepared in any::<bool>(),
        with_claims in any::<bool>(),
        watched in any::<bool>(),
        witnessed in any::<bool>(),
    ) -> Experiment {
        let mut experiment = experiment(method);
        if prepared {
            let load = performance("load", &["rest"], Lasting::Once);
            experiment.prepare.push((crate::experiment::StepId(0), "load".parse().unwrap(), load));
        }
        name_all(&mut experiment);
        if witnessed {
            for step in &mut experiment.method {
                if let StepKind::Inject(inject) = &mut step.kind {
                    inject.witness = Some(witness("outside"));
                }
            }
        }
        if with_claims {
            experiment.steady_state.push(steady("healthy", "1"));
            let names: Vec<String> =
                experiment.steps().into_iter().filter_map(|step| step.name.clone()).map(|name| name.to_string()).collect();
            if let Some(name) = names.first() {
                experiment.expect.push(during("holds", "1", name));
                let end = at(name, crate::experiment::Edge::End);
                experiment.expect.push(is_at("rows", "1", http("http://rows/"), end.clone()));
                experiment.expect.push(becomes("again", "1", 5, end));
            }
        }
        if watched {
            experiment.abort_if.push(abort_if("burning", "0"));
        }
        experiment
    }
}
