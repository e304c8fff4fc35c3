//! Steps, faults and actions; advice on the whole; what comes later.

use super::{Code, Explanation, Scaffold};

pub(super) const STEPS: &[Explanation] = &[
    Explanation {
        code: Code::StepNeedsName,
        why: "Faults, actions and `waitFor` have names: reports, charts and claims refer to them.",
        scaffold: Scaffold::Method,
        wrong: "- inject: {kill: {}}\n  into: {namespace: shop, pick: one}",
        right: "- name: cart-dies\n  inject: {kill: {}}\n  into: {namespace: shop, pick: one}",
    },
    Explanation {
        code: Code::KeyNotHere,
        why: "The key exists, but not beside this one: `into` belongs to `inject`, `undo` to `perform`, and so on.",
        scaffold: Scaffold::Method,
        wrong: "- wait: 5s\n  into: {namespace: shop}",
        right: "- wait: 5s",
    },
    Explanation {
        code: Code::Lasting,
        why: "A fault other than `kill` and `evict` needs an end: either `for` a length of time, or `meanwhile` a list of\nsteps runs, never both (end the list with a `wait`).",
        scaffold: Scaffold::Method,
        wrong: "- name: cart-stands-still\n  inject: {pause: {}}\n  into: {namespace: shop, pick: one}",
        right: "- name: cart-stands-still\n  inject: {pause: {}}\n  into: {namespace: shop, pick: one}\n  for: 5s",
    },
    Explanation {
        code: Code::EveryNotHere,
        why: "`every` repeats a fault that happens at once (`kill`, `evict`) for as long as `for` says.",
        scaffold: Scaffold::Method,
        wrong: "- name: carts-die\n  inject: {kill: {}}\n  into: {namespace: shop, pick: one}\n  every: 10s",
        right: "- name: carts-die\n  inject: {kill: {}}\n  into: {namespace: shop, pick: one}\n  every: 10s\n  for: 30s",
    },
    Explanation {
        code: Code::HowToUndo,
        why: "Whatever an action changes must be put back even if the run is aborted: `undo` is a list of actions, `[]`\nif there is nothing to put back. What cannot be put back says `irreversible: true`.",
        scaffold: Scaffold::Method,
        wrong: "- name: fail-backend\n  perform: {http: {url: \"http://10.0.1.2:9000/fail\"}}\n  for: 10s",
        right: "- name: fail-backend\n  perform: {http: {url: \"http://10.0.1.2:9000/fail\"}}\n  undo:\n    - http: {url: \"http://10.0.1.2:9000/heal\"}\n  for: 10s",
    },
    Explanation {
        code: Code::WitnessNotHere,
        why: "A witness becomes true when the step bites and false when it is over, so the step must be a fault, or an\naction with `for` or `meanwhile`.",
        scaffold: Scaffold::Method,
        wrong: "- name: fail-backend\n  perform: {http: {url: \"http://10.0.1.2:9000/fail\"}}\n  undo: []\n  witness: {query: max(failing), becomes: 1}",
        right: "- name: fail-backend\n  perform: {http: {url: \"http://10.0.1.2:9000/fail\"}}\n  undo: []\n  for: 10s\n  witness: {query: max(failing), becomes: 1}",
    },
    Explanation {
        code: Code::StepsTooDeep,
        why: "Steps inside `meanwhile` and `parallel` may hold further steps once more, and that is all: deeper methods\ncannot be read, and Kubernetes cannot check them.",
        scaffold: Scaffold::Method,
        wrong: "- parallel:\n    - parallel:\n        - parallel:\n            - wait: 1s",
        right: "- parallel:\n    - parallel:\n        - wait: 1s",
    },
    Explanation {
        code: Code::NoEffect,
        why: "A network fault needs at least one effect, and effects must not contradict each other: a partition lets\nnothing through that could be delayed, and `jitter` varies a `delay` that is at least as long.",
        scaffold: Scaffold::Method,
        wrong: "- name: slow\n  inject: {network: {jitter: 40ms}}\n  into: {namespace: shop}\n  for: 10s",
        right: "- name: slow\n  inject: {network: {delay: 400ms, jitter: 40ms}}\n  into: {namespace: shop}\n  for: 10s",
    },
    Explanation {
        code: Code::ZoneLossInto,
        why: "A zone is lost as a whole: `into` takes `platform` and `zone` only.",
        scaffold: Scaffold::Method,
        wrong: "- name: zone-lost\n  inject: {zoneLoss: {mode: isolate}}\n  into: {zone: a, labels: {app: cart}}\n  for: 30s",
        right: "- name: zone-lost\n  inject: {zoneLoss: {mode: isolate}}\n  into: {zone: a}\n  for: 30s",
    },
    Explanation {
        code: Code::PrepareStep,
        why: "`prepare` is a list of actions that begin before the baseline, last the whole run and are undone last.\nFaults, waits and lengths of time belong to `method`.",
        scaffold: Scaffold::Spec,
        wrong: "prepare:\n  - wait: 5s",
        right: "prepare:\n  - name: load\n    perform: {exec: {command: [./load]}}\n    undo: []",
    },
    Explanation {
        code: Code::NoSteadyState,
        why: "Without `steadyState` nothing is checked before the first fault, and nothing says when the system has\nrecovered.",
        scaffold: Scaffold::File,
        wrong: "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: example}\nspec:\n  title: It works\n  method:\n    - name: dies\n      inject: {kill: {}}\n      into: {namespace: shop}\n  expect:\n    - {name: comes-back, query: max(up), becomes: 1, within: 9s, after: dies.end}\n",
        right: "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: example}\nspec:\n  title: It works\n  steadyState:\n    - {name: is-up, query: max(up), is: 1}\n  method:\n    - name: dies\n      inject: {kill: {}}\n      into: {namespace: shop}\n  expect:\n    - {name: comes-back, query: max(up), becomes: 1, within: 9s, after: dies.end}\n",
    },
    Explanation {
        code: Code::OnlySymptoms,
        why: "Every expectation says that something stays true. A system without any safety mechanism passes that if the\nfault is mild enough: say what the mechanism does (`becomes`), or what it adds up to (`totals`).",
        scaffold: Scaffold::File,
        wrong: "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: example}\nspec:\n  title: It works\n  steadyState:\n    - {name: is-up, query: max(up), is: 1}\n  method:\n    - name: dies\n      inject: {kill: {}}\n      into: {namespace: shop}\n  expect:\n    - {name: stays-up, query: max(up), is: 1}\n",
        right: "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: example}\nspec:\n  title: It works\n  steadyState:\n    - {name: is-up, query: max(up), is: 1}\n  method:\n    - name: dies\n      inject: {kill: {}}\n      into: {namespace: shop}\n  expect:\n    - {name: comes-back, query: max(up), becomes: 1, within: 9s, after: dies.end}\n",
    },
    Explanation {
        code: Code::NoFault,
        why: "The method has no fault and no action with a witness, so nothing can be seen to bite, and the run will be\ninconclusive.",
        scaffold: Scaffold::File,
        wrong: "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: example}\nspec:\n  title: It works\n  steadyState:\n    - {name: is-up, query: max(up), is: 1}\n  method:\n    - wait: 5s\n  expect:\n    - {name: comes-back, query: max(up), becomes: 1, within: 9s, after: method.start}\n",
        right: "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: example}\nspec:\n  title: It works\n  steadyState:\n    - {name: is-up, query: max(up), is: 1}\n  method:\n    - name: dies\n      inject: {kill: {}}\n      into: {namespace: shop}\n  expect:\n    - {name: comes-back, query: max(up), becomes: 1, within: 9s, after: dies.end}\n",
    },
    Explanation {
        code: Code::NotYet,
        why: "The language has it, so `check` accepts it, but this version cannot carry it out: `plan` and `run` refuse\nit. The message names what it is.",
        scaffold: Scaffold::Method,
        wrong: "- name: names-fail\n  inject: {dns: {names: [\"*.shop\"], answer: fail}}\n  into: {namespace: shop}\n  for: 10s",
        right: "- name: cut-again\n  inject: {network: {partition: true, ports: [53]}}\n  into: {namespace: shop}\n  for: 10s",
    },
];
