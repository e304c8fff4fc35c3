//! Runs of dead runners, against agents that are made of a script, or that nobody knows.

use super::agents_tests::{Scripted, order};
use super::{Actions, Recovered, recover};
use crate::history::samples::header;
use crate::history::{StateFolder, Store};
use crate::metrics::HttpClient;
use crate::platform::AgentLink;
use squall_experiments::engine::Command;
use squall_experiments::fault::{AgentEvent, EndCause, Evidence};
use squall_experiments::history::{AgentPlace, Entry, What};
use squall_experiments::judge::Verdict;
use squall_experiments::moment::Moment;
use squall_experiments::name::NodeName;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Recovers a run that had sent one order to node `n1`; the run, and how long it took.
async fn recovered(link: Option<Arc<dyn AgentLink>>) -> (Recovered, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::of(Some(folder.path()));
    let mut store = Store::open(&state.history()).unwrap();
    let mut header = header("r1");
    let place = AgentPlace::Socket { path: PathBuf::from("/run/other/agent.sock") };
    header.agents = BTreeMap::from([(NodeName::new("n1"), place.clone())]);
    store.begin(&header).unwrap();
    let at = Moment { elapsed: Duration::from_secs(1), wall: header.began };
    let inject = Command::Inject { node: NodeName::new("n1"), order: Box::new(order("f1")) };
    store.append(&header.run, &[Entry { number: 1, at, what: What::Command(inject) }], true).unwrap();
    let began = Instant::now();
    let all = recover(
        &mut store,
        &state,
        vec![header.run],
        |record, node| {
            assert_eq!(record.header.agents.get(node), Some(&place), "it is kept with the run");
            link.clone()
        },
        |news| {
            let client = HttpClient::waiting(Duration::from_secs(1));
            Actions::new("squall".into(), client, Arc::default(), news)
        },
        |_| {},
    )
    .await;
    let [one] = all.unwrap().try_into().unwrap_or_else(|_| panic!("not one run"));
    (one, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_fault_on_a_node_whose_agent_nobody_knows_may_remain() {
    let (run, took) = recovered(None).await;
    assert_eq!(run.closed, Some(Verdict::FaultsMayRemain));
    assert_eq!(run.remaining.len(), 1);
    let reason = &run.remaining[0].reason;
    assert_eq!(reason, "its agent is lost: no agent is known for node `n1`: name it in the inventory");
    assert!(took < Duration::from_secs(1), "there is nobody to wait for: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_its_agent_does_not_know_counts_as_gone_when_its_lease_has_ended() {
    let (run, took) = recovered(Some(Arc::new(Scripted::default()))).await;
    assert_eq!((run.closed, run.remaining.len()), (Some(Verdict::Aborted), 0));
    assert_eq!(took.as_secs(), 25);
}

#[tokio::test(start_paused = true)]
async fn what_lasts_is_gone_when_its_agent_says_that_it_is_undone_and_not_before() {
    let evidence = Evidence::Paused { held: 1, threads: 1, died: 0 };
    let undone = AgentEvent::Reverted { cause: EndCause::Asked, evidence: None, differences: Vec::new() };
    for (event, verdict) in [(AgentEvent::Done { evidence }, Verdict::FaultsMayRemain), (undone, Verdict::Aborted)] {
        let agent = Scripted::knowing(vec![order("f1")]);
        let teller = agent.clone();
        let telling = tokio::spawn(async move {
            while !teller.is_watched() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            teller.tell("f1", "r1", event);
        });
        let (run, _) = recovered(Some(Arc::new(agent))).await;
        telling.await.unwrap();
        assert_eq!(run.closed, Some(verdict));
    }
}
