//! What is written means what the reference says: defaults, windows, holes, order of events.
#![forbid(unsafe_code)]

use squall_experiments::claim::{Allowance, Dwell, Role, Source, Tolerance, Verb, Window};
use squall_experiments::experiment::{Experiment, Lasting, StepKind, Undo};
use squall_experiments::fault::{Fault, Signal};
use squall_experiments::target::{Peer, Pick, ProcessLocator};
use squall_experiments::text::{Code, Problem, Scaffold, SourceFile, render};
use squall_experiments::unit::Length;
use squall_experiments::written::{
    AgentAddress, Parameters, PlatformSource, Purpose, SecretSource, read, read_settings,
};

fn problems(text: &str) -> (Option<Experiment>, Vec<Problem>) {
    let file = SourceFile { path: "a.yaml".into(), text: text.to_owned() };
    let (mut documents, problems) = read(&[file], &Parameters::default(), Purpose::Run);
    (documents.experiments.pop().and_then(|found| found.experiment), problems)
}

fn experiment(scaffold: Scaffold, example: &str) -> Experiment {
    let text = scaffold.around(example);
    let (experiment, problems) = problems(&text);
    experiment
        .unwrap_or_else(|| panic!("{}", render(&problems, &[SourceFile { path: "a.yaml".into(), text }], false, 100)))
}

fn codes(scaffold: Scaffold, example: &str) -> Vec<Code> {
    let (_, problems) = problems(&scaffold.around(example));
    problems.iter().map(|problem| problem.code).collect()
}

#[test]
fn defaults_are_as_the_reference_says() {
    let read = experiment(Scaffold::Spec, "limits: {maxTargets: 3}");
    assert_eq!(read.recover_within, Length::from_secs(60));
    assert_eq!(read.limits.max_targets, Some(3));
    assert_eq!(read.limits.max_percent.to_string(), "50%");
    assert_eq!(read.limits.keep_at_least, 1);
    assert!(matches!(&read.steady_state[0].verb, Verb::Is { window: Window::Baseline, .. }));
    assert_eq!(read.steady_state[0].role, Role::SteadyState);
}

#[test]
fn windows_are_the_method_unless_said() {
    let window = |times: &str| {
        let read = experiment(Scaffold::Expect, &format!("- name: a\n  query: max(up)\n  is: 1\n{times}"));
        match &read.expect.last().unwrap().verb {
            Verb::Is { window: Window::Between { from, to }, .. } => format!("{from} .. {to}"),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(window(""), "method.start .. method.end");
    assert_eq!(window("  during: method"), "method.start .. method.end");
    assert_eq!(window("  during: cut"), "cut.start .. cut.end");
    assert_eq!(window("  from: cut.start + 5s\n  to: method.end + 1m"), "cut.start + 5s .. method.end + 1m");
    assert_eq!(window("  from: cut.end - 5s\n  to: cut.end"), "cut.end - 5s .. cut.end");
}

#[test]
fn a_query_that_reads_another_time_is_warned_of() {
    let found = |query: &str| codes(Scaffold::Expect, &format!("- name: a\n  query: {query}\n  is: 1"));
    assert!(found("max(up @ start())").contains(&Code::AnotherTime));
    assert!(found("max(up offset 1h)").contains(&Code::AnotherTime));
    assert!(!found("max(up)").contains(&Code::AnotherTime));
}

#[test]
fn dwell_and_tolerance_are_kept() {
    let claim = "- name: a\n  query: max(up)\n  becomes: 1\n  within: 5s\n  after: cut.start\n  until: cut.end\n  budget: 15%\n  longest: 1s";
    let read = experiment(Scaffold::Expect, claim);
    let Verb::Becomes { within, dwell: Dwell::Until { tolerance, .. }, .. } = &read.expect.last().unwrap().verb else {
        panic!("{:?}", read.expect.last())
    };
    assert_eq!(*within, Length::from_secs(5));
    let budget = Some(Allowance::Share("15%".parse().unwrap()));
    assert_eq!(*tolerance, Tolerance { budget, longest: Some(Allowance::Time(Length::from_secs(1))) });
}

#[test]
fn indicators_bring_their_absent_and_min_events() {
    let read = experiment(
        Scaffold::Spec,
        "indicators:\n  success:\n    query: sum(ok_total) / sum(all_total)\n    absent: 1\n    minEvents: 100\nabortIf:\n  - {name: a, indicator: success, is: below 80%, for: 5s}\n  - {name: b, indicator: success, is: below 50%, absent: 0}",
    );
    let [first, second] = read.abort_if.as_slice() else { panic!() };
    assert_eq!((first.absent, first.min_events), (Some(1.0), Some(100)));
    assert_eq!((second.absent, second.min_events), (Some(0.0), Some(100)));
    assert_eq!(first.indicator.as_ref().map(|name| name.as_str()), Some("success"));
    assert!(matches!(first.verb, Verb::Aborts { lasting: Some(_), .. }));
}

#[test]
fn sources_are_asked_every_second_unless_said() {
    let read =
        experiment(Scaffold::Expect, "- name: a\n  http: {url: \"http://shop/cart\", json: .state}\n  is: Completed");
    let Source::Http { request, json, every } = &read.expect.last().unwrap().source else { panic!() };
    assert_eq!((request.method.as_str(), json.as_deref(), *every), ("GET", Some(".state"), Length::from_secs(1)));
}

#[test]
fn faults_keep_their_settings() {
    let read = experiment(
        Scaffold::Method,
        "- name: dies\n  inject: {kill: {signal: SIGTERM, grace: 2s}}\n  into: {namespace: shop, pick: 50%}\n  every: 10s\n  for: 30s\n- name: slow\n  inject:\n    network:\n      delay: 400ms\n      jitter: 40ms\n      direction: ingress\n      protocol: tcp\n      ports: [80, 443]\n      peers:\n        - {cidr: 10.0.0.0/8}\n        - {namespace: shop, labels: {app: cart}, pick: all}\n  into: {names: [a], where: {query: is_primary, is: 1}}\n  meanwhile:\n    - wait: 5s",
    );
    let StepKind::Inject(dies) = &read.method[1].kind else { panic!() };
    let Fault::Kill(kill) = &dies.fault else { panic!() };
    assert_eq!((kill.signal, kill.grace), (Signal::TERM, Some(Length::from_secs(2))));
    assert_eq!((dies.every, &dies.lasting), (Some(Length::from_secs(10)), &Lasting::For(Length::from_secs(30))));
    assert_eq!(dies.into.pick, Some(Pick::Share("50%".parse().unwrap())));
    let StepKind::Inject(slow) = &read.method[2].kind else { panic!() };
    let Fault::Network(network) = &slow.fault else { panic!() };
    assert_eq!(network.ports, [80, 443]);
    assert!(matches!(network.peers.as_deref(), Some([Peer::Cidr(_), Peer::Instances(_)])));
    assert_eq!(slow.lasting.children().len(), 1);
    assert!(slow.into.r#where.is_some());
}

#[test]
fn a_signal_that_stops_a_process_for_good_is_refused() {
    for signal in ["STOP", "TSTP", "SIGTTIN", "TTOU"] {
        let step =
            format!("- name: stop\n  inject: {{kill: {{signal: {signal}}}}}\n  into: {{namespace: shop, pick: one}}");
        let (_, problems) = problems(&Scaffold::Method.around(&step));
        let hints: Vec<_> = problems.iter().map(|problem| (problem.code, problem.hint.as_deref())).collect();
        assert_eq!(hints, [(Code::BadValue, Some("use `pause`, which ends by itself"))], "{signal}");
    }
}

#[test]
fn actions_say_how_they_are_undone() {
    let read = experiment(
        Scaffold::Method,
        "- name: promote\n  perform: {exec: {command: [./promote]}}\n  irreversible: true\n- name: break\n  perform: {http: {url: \"http://a/fail\", headers: {Authorization: \"Bearer ${secret.x}\"}}}\n  undo: [{http: {url: \"http://a/heal\"}}]\n  for: 10s",
    );
    let StepKind::Perform(promote) = &read.method[1].kind else { panic!() };
    assert_eq!((&promote.undo, promote.timeout), (&Undo::Irreversible, Length::from_secs(60)));
    let StepKind::Perform(broken) = &read.method[2].kind else { panic!() };
    assert!(matches!(&broken.undo, Undo::By(actions) if actions.len() == 1));
}

#[test]
fn values_of_steps_are_used_when_they_are_known() {
    let action =
        |place: &str| format!("- name: note\n  perform: {{exec: {{command: [note, \"${{{place}}}\"]}}}}\n  undo: []");
    assert_eq!(codes(Scaffold::Method, &action("cut.end")), []);
    assert_eq!(codes(Scaffold::Method, &action("cut.targets.zone")), []);
    assert_eq!(codes(Scaffold::Method, &action("later.start")), [Code::UnknownStep]);
    let before =
        format!("{}\n- name: later\n  inject: {{kill: {{}}}}\n  into: {{namespace: shop}}", action("later.start"));
    assert_eq!(codes(Scaffold::Method, &before), [Code::NotKnownYet]);
    let inside = "- name: slow\n  inject: {network: {delay: 1s}}\n  into: {namespace: shop}\n  meanwhile:\n    - name: note\n      perform: {exec: {command: [note, \"${slow.WHEN}\"]}}\n      undo: []";
    assert_eq!(codes(Scaffold::Method, &inside.replace("WHEN", "start")), []);
    assert_eq!(codes(Scaffold::Method, &inside.replace("WHEN", "end")), [Code::NotKnownYet]);
    assert_eq!(codes(Scaffold::Method, &inside.replace("slow.WHEN", "note.targets")), [Code::UnknownStep]);
}

#[test]
fn windows_that_are_empty_in_every_run_are_refused() {
    let method = "- name: wait-for-it\n  waitFor: {query: max(up), is: 1}\n  within: 20s\n- name: slow\n  inject: {network: {delay: 1s}}\n  into: {namespace: shop}\n  meanwhile:\n    - parallel:\n        - wait: 5s\n        - wait: 10s\n    - name: again\n      inject: {kill: {}}\n      into: {namespace: shop, pick: one}\n      every: 10s\n      for: 30s";
    let text = |from: &str, to: &str| {
        let claim = format!("    - {{name: a, query: max(up), is: 1, from: {from}, to: {to}}}\n");
        format!("{}{claim}", Scaffold::Method.around(method))
    };
    let codes = |from: &str, to: &str| -> Vec<Code> {
        problems(&text(from, to)).1.iter().map(|problem| problem.code).collect()
    };
    for (from, to) in [
        ("wait-for-it.start", "wait-for-it.end"),
        ("wait-for-it.start + 15s", "wait-for-it.end"),
        ("cut.end", "slow.start"),
        ("slow.start", "again.start"),
        ("again.start", "slow.end"),
        ("slow.start + 39s", "slow.end"),
        ("method.start", "method.end"),
        ("method.end", "method.end + 10s"),
    ] {
        assert_eq!(codes(from, to), [], "{from} {to}");
    }
    for (from, to) in [
        ("slow.end", "slow.start"),
        ("slow.start", "wait-for-it.end"),
        ("wait-for-it.start + 20s", "wait-for-it.end"),
        ("slow.start + 10s", "again.start"),
        ("slow.start + 40s", "slow.end"),
        ("method.end", "slow.end"),
    ] {
        assert_eq!(codes(from, to), [Code::EmptyWindow], "{from} {to}");
    }
    assert_eq!(codes("slow.start - 31s", "slow.end"), []);
    assert_eq!(codes("slow.start - 51s", "slow.end"), [Code::BeforeMethod]);
}

#[test]
fn only_symptoms_earn_a_warning_mechanisms_do_not() {
    let with =
        |claim: &str| format!("{}    {claim}\n", Scaffold::Spec.around("").split("    - name: opens").next().unwrap());
    let codes = |claim: &str| -> Vec<Code> { problems(&with(claim)).1.iter().map(|problem| problem.code).collect() };
    assert_eq!(codes("- {name: a, query: max(up), is: 1}"), [Code::OnlySymptoms]);
    assert_eq!(codes("- {name: a, query: max(up), is: 1, at: cut.end}"), []);
    assert_eq!(codes("- {name: a, query: sum(x_total), totals: 0}"), []);
    assert_eq!(codes("- {name: a, query: max(up), becomes: 1, within: 5s, after: cut.end}"), []);
}

#[test]
fn dollars_can_be_written() {
    let read = experiment(
        Scaffold::Spec,
        "parameters:\n  - {name: p, default: \"${literally\"}\nabortIf:\n  - {name: a, query: \"max(up{x=\\\"$${p}-${p}\\\"})\", is: 1}",
    );
    let Source::Query(query) = &read.abort_if[0].source else { panic!() };
    assert_eq!(query.text.as_text(), Some("max(up{x=\"${p}-${literally\"})"));
}

#[test]
fn inventories_become_instances() {
    let text = Scaffold::Instances.around(
        "- name: cart\n  namespace: shop\n  labels: {app: cart}\n  addresses: [10.0.1.2, \"fd00::2\"]\n  process: {pidfile: /run/cart.pid}\n  netns: cart\n  series: {instance: \"10.0.1.2:8080\"}",
    );
    let file = SourceFile {
        path: "a.yaml".into(),
        text: text.replace("{name: one}", "{name: one, zone: a, agent: \"unix:/run/agent\"}"),
    };
    let (documents, problems) = read(&[file], &Parameters::default(), Purpose::Run);
    assert_eq!(problems, []);
    let inventory = &documents.inventories[0];
    let cart = &inventory.instances[0];
    assert_eq!((cart.node.as_str(), cart.zone.as_deref()), ("one", Some("a")));
    assert_eq!(cart.locator.process, Some(ProcessLocator::Pidfile("/run/cart.pid".into())));
    assert_eq!(cart.locator.netns.as_deref(), Some(std::path::Path::new("/run/netns/cart")));
    assert_eq!(cart.addresses.len(), 2);
    assert_eq!(inventory.nodes[&cart.node].agent, AgentAddress::Unix("/run/agent".into()));
}

#[test]
fn settings_are_read_and_checked() {
    let file = |text: &str| SourceFile { path: "squall.yaml".into(), text: text.into() };
    let (settings, problems) = read_settings(
        &file(
            "prometheus: {url: \"http://127.0.0.1:9090\", basicAuth: {username: a, passwordFile: /b}}\nplatforms:\n  shop: {inventory: lab.yaml}\n  other: {inventory: other.yaml, prometheus: {url: \"https://p\"}}\nparameters: {replicas: 3}\nsecrets: {token: {env: TOKEN}}\nprotected:\n  - {labels: {app: bank}}\nlimits: {maxTargets: 2}\nallow: [exec]\nconfirm: never\nhistory: /var/lib/squall\n",
        ),
        Purpose::Run,
    );
    assert_eq!(problems, []);
    let settings = settings.unwrap();
    assert_eq!(settings.parameters["replicas"], "3");
    assert_eq!(settings.secrets["token"], SecretSource::Environment("TOKEN".into()));
    assert_eq!(settings.platforms[&"shop".parse().unwrap()].source, PlatformSource::Inventory("lab.yaml".into()));
    assert_eq!(settings.limits.max_targets, Some(2));
    assert_eq!(
        (settings.protected.map(|list| list.len()), settings.allow.map(|words| words.len())),
        (Some(1), Some(1))
    );
    for text in ["", "# nothing yet\n", "---\n", "- prometheus\n", "http://prometheus.example:9090\n"] {
        let (settings, problems) = read_settings(&file(text), Purpose::Run);
        let said = render(&problems, &[file(text)], false, 100);
        assert!(settings.is_none(), "{text:?}");
        assert!(said.contains(":1:1\n") && said.contains("such as `prometheus: {url: "), "{said}");
    }
    let text = "promethius: {url: x}\nplatforms:\n  a: {inventory: x, context: y}\nsecrets: {s: {file: /a, env: B}}\nallow: [exce]\nconfirm: on\nlimits: {maxPercent: 5}\n";
    let (settings, problems) = read_settings(&file(text), Purpose::Run);
    assert!(settings.is_none());
    insta::assert_snapshot!(render(&problems, &[file(text)], false, 100));
}
