//! The loop with a script in the engine's place: what is stored first, what waits for nothing, and what
//! a history that cannot be written does.

use super::{Actions, Agents, Decide, Ground, Observer, Probe, Shell, Signals, turn};
use crate::clock::RunClock;
use crate::history::samples::{header, judgement};
use crate::history::{LiveRun, StateFolder, Store, Writer};
use crate::secrets::Secrets;
use squall_experiments::claim::HttpRequest;
use squall_experiments::engine::Command;
use squall_experiments::experiment::{Action, StepId, Template};
use squall_experiments::fault::Fence;
use squall_experiments::history::{ActionEnd, Activity, Event, What};
use squall_experiments::judge::{Judgement, Verdict};
use squall_experiments::moment::Moment;
use squall_experiments::name::RunId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Begins one action, and finishes when it has ended or could not be stored.
struct Script {
    action: Action,
    heard: Vec<Event>,
}

const ACTIVITY: Activity = Activity::Action(StepId(1));

impl Decide for Script {
    fn step(&mut self, _: Moment, event: Event) -> Vec<Command> {
        self.heard.push(event.clone());
        match event {
            Event::TimePassed => {
                vec![Command::Begin { activity: ACTIVITY, action: self.action.clone(), timeout: None }]
            }
            Event::StorageFailed { .. } => finish(Verdict::Error),
            Event::ActionEnded { .. } => finish(Verdict::Passed),
            _ => vec![],
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        None
    }
}

fn finish(verdict: Verdict) -> Vec<Command> {
    vec![Command::Finish(Box::new(judgement(verdict)))]
}

fn post(url: &str) -> Action {
    Action::Http(HttpRequest { url: Template::text(url), method: "POST".into(), headers: BTreeMap::new(), body: None })
}

fn shell<'a>(folder: &StateFolder, signals: &'a mut Signals) -> Shell<'a> {
    let clock = RunClock::start();
    let header = header("r1");
    let client = crate::metrics::http_client(None, Duration::from_secs(5)).unwrap();
    let secrets = Arc::new(Secrets::default());
    let (events, inbox) = unbounded_channel();
    let (tell, news) = unbounded_channel();
    let ground = Ground {
        place: "chaos.yaml:3:9".to_owned(),
        platforms: BTreeMap::new(),
        agents: BTreeMap::new(),
        sources: BTreeMap::new(),
        experiment: header.experiment,
        plan: header.plan,
        placebo: false,
        run: RunId::new("r1"),
        seed: 7,
        folder: folder.clone(),
        live: Mutex::new(LiveRun::take(folder, &RunId::new("r1")).unwrap().unwrap()),
    };
    Shell {
        clock,
        ground: Arc::new(ground),
        agents: Agents::new(Fence { run: RunId::new("r1"), epoch: 1 }, events.clone()),
        actions: Actions::new("squall".into(), client.clone(), Arc::clone(&secrets), tell),
        observer: Observer::new(clock, Arc::new(Probe::new("squall".into(), client, secrets)), events.clone()),
        signals,
        halt: None,
        events,
        inbox,
        news,
    }
}

async fn play(break_the_disk: bool) -> (Script, Judgement, MockServer, Store) {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::of(Some(temporary.path()));
    let mut store = Store::open(&folder.history()).unwrap();
    store.begin(&header("r1")).unwrap();
    if break_the_disk {
        store.refuse_writes();
    }
    let writer = Writer::start(store, RunId::new("r1")).unwrap();
    let mut script = Script { action: post(&server.uri()), heard: vec![] };
    let mut signals = Signals::listen().unwrap();
    let done = turn(&mut script, shell(&folder, &mut signals), writer, 0, Event::TimePassed, |_, _| {});
    let judgement = tokio::time::timeout(Duration::from_secs(30), done).await.unwrap();
    let store = Store::open(&folder.history()).unwrap();
    (script, judgement, server, store)
}

#[tokio::test]
async fn what_touches_a_target_is_stored_and_then_done() {
    let (script, judgement, server, store) = play(false).await;
    assert_eq!(judgement.verdict, Verdict::Passed);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    let end = ActionEnd::Answered { status: 200, output: String::new() };
    let ended = Event::ActionEnded { activity: ACTIVITY, end };
    assert_eq!(script.heard, [Event::TimePassed, ended.clone()]);

    let record = store.record(&RunId::new("r1")).unwrap().unwrap();
    assert_eq!(record.judgement, Some(judgement));
    assert_eq!(record.entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(record.entries[0].what, What::Event(Event::TimePassed));
    assert!(matches!(&record.entries[1].what, What::Command(Command::Begin { .. })));
    assert_eq!(record.entries[2].what, What::Event(ended));
}

#[tokio::test]
async fn what_cannot_be_stored_is_never_done() {
    let (script, judgement, server, _) = play(true).await;
    assert!(server.received_requests().await.unwrap().is_empty(), "the target was touched");
    assert!(matches!(&script.heard[..], [Event::TimePassed, Event::StorageFailed { .. }]), "{:?}", script.heard);
    assert_eq!(judgement.verdict, Verdict::Error);
}
