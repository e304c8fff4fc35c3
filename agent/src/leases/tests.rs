//! Random lives of an agent, and what must hold in each of them.

use super::{Act, Event, Hold, Leases};
use crate::clock::BootTime;
use jiff::Timestamp;
use proptest::prelude::*;
use squall_experiments::fault::{
    AgentEvent, EndCause, Evidence, FaultState, Fence, ORDER_VERSION, Order, OrderFault, Refusal, RefusalKind,
};
use squall_experiments::name::{FaultId, InstanceName, RunId};
use squall_experiments::target::Locator;
use squall_experiments::unit::Length;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn order(id: &str, lease: u64, deadline: u64) -> Order {
    Order {
        version: ORDER_VERSION,
        id: FaultId::new(id),
        step: "step".parse().unwrap(),
        instance: InstanceName::new("instance"),
        locator: Locator::default(),
        fault: OrderFault::Pause { process: None },
        lease: Length::from_millis(lease),
        deadline: Length::from_millis(deadline),
    }
}

fn fence(run: &str, epoch: u64) -> Fence {
    Fence { run: RunId::new(run), epoch }
}

fn at(millis: u64) -> BootTime {
    BootTime::after_boot(Duration::from_millis(millis))
}

fn ordered(fence: Fence, order: Order) -> Event {
    Event::Ordered { fence, order: Box::new(order), at: Timestamp::UNIX_EPOCH }
}

fn refusal() -> Refusal {
    Refusal { kind: RefusalKind::Failed, reason: "it broke".into() }
}

fn holds(of: u32) -> BTreeSet<Hold> {
    BTreeSet::from([Hold::Process { pid: of, start: 1 }])
}

/// Brings a fault on.
fn on(leases: &mut Leases, run: &str, id: &str, target: u32) -> Vec<Act> {
    let fault = || FaultId::new(id);
    leases.step(at(0), ordered(fence(run, 1), order(id, 100, 1000)));
    leases.step(at(0), Event::Resolved { fault: fault(), holds: holds(target) });
    leases.step(at(0), Event::Recorded { fault: fault() });
    leases.step(at(0), Event::Injected { fault: fault(), backend: "b".into() })
}

fn state(leases: &Leases, id: &str) -> FaultState {
    leases.status(at(0), &FaultId::new(id)).unwrap().state
}

#[test]
fn a_lease_that_is_not_renewed_ends_the_fault_and_a_deadline_cannot_be_moved() {
    let mut leases = Leases::default();
    on(&mut leases, "r", "f", 1);
    let renew = || Event::RenewAsked { fence: fence("r", 1), faults: vec![FaultId::new("f")] };
    for now in (50..1000).step_by(50) {
        assert!(!leases.step(at(now), renew()).contains(&Act::Revert(FaultId::new("f"))), "renewed at {now}");
    }
    assert_eq!(leases.next_deadline(), Some(at(1000)));
    assert_eq!(leases.step(at(1000), renew()), [Act::Revert(FaultId::new("f"))], "the deadline comes first");

    let mut leases = Leases::default();
    on(&mut leases, "r", "f", 1);
    assert!(leases.step(at(99), Event::TimePassed).is_empty());
    assert_eq!(leases.step(at(100), Event::TimePassed), [Act::Revert(FaultId::new("f"))]);
}

#[test]
fn a_stale_epoch_is_refused_but_may_always_revert() {
    let mut leases = Leases::default();
    on(&mut leases, "r", "f", 1);
    assert_eq!(
        leases.step(at(1), Event::RenewAsked { fence: fence("r", 3), faults: vec![] }),
        [Act::RecordEpoch(fence("r", 3))]
    );
    let acts = leases.step(at(2), ordered(fence("r", 2), order("g", 100, 1000)));
    assert!(matches!(&acts[..], [Act::Refuse(Refusal { kind: RefusalKind::Fenced, .. })]), "{acts:?}");
    let asked = Event::RevertAsked { fence: Some(fence("r", 1)), fault: FaultId::new("f") };
    assert_eq!(leases.step(at(3), asked), [Act::Revert(FaultId::new("f"))]);
}

#[test]
fn two_runs_may_not_hold_one_target_and_one_run_may() {
    let mut leases = Leases::default();
    on(&mut leases, "r", "f", 1);
    on(&mut leases, "r", "g", 1);
    assert_eq!(state(&leases, "g"), FaultState::On);
    on(&mut leases, "other", "h", 1);
    assert_eq!(state(&leases, "h"), FaultState::Reverted);
    on(&mut leases, "other", "i", 2);
    assert_eq!(state(&leases, "i"), FaultState::On);
}

#[test]
fn a_fault_that_broke_is_reverted_and_said_to_have_broken_even_if_its_revert_was_asked_for() {
    let fault = || FaultId::new("f");
    for asked_before in [false, true] {
        let mut leases = Leases::default();
        on(&mut leases, "r", "f", 1);
        if asked_before {
            leases.step(at(1), Event::RevertAsked { fence: Some(fence("r", 1)), fault: fault() });
        }
        let acts = leases.step(at(2), Event::Broke { fault: fault() });
        assert_eq!(acts.contains(&Act::Revert(fault())), !asked_before, "{acts:?}");
        let end = leases.step(at(3), Event::Reverted { fault: fault(), evidence: None, differences: Vec::new() });
        let event = AgentEvent::Reverted { cause: EndCause::Broke, evidence: None, differences: Vec::new() };
        assert!(end.contains(&Act::Report { fault: fault(), event }), "{end:?}");
    }
}

#[test]
fn a_retry_changes_nothing_and_an_order_that_comes_after_its_revert_is_refused() {
    let mut leases = Leases::default();
    on(&mut leases, "r", "f", 1);
    assert!(leases.step(at(1), ordered(fence("r", 1), order("f", 100, 1000))).is_empty());
    let other = leases.step(at(1), ordered(fence("r", 1), order("f", 100, 2000)));
    assert!(matches!(&other[..], [Act::Refuse(Refusal { kind: RefusalKind::Unreadable, .. })]), "{other:?}");
    leases.step(at(1), Event::RevertAsked { fence: Some(fence("r", 1)), fault: FaultId::new("late") });
    let late = leases.step(at(2), ordered(fence("r", 1), order("late", 100, 1000)));
    assert!(matches!(&late[..], [Act::Refuse(_)]), "{late:?}");
}

#[test]
fn a_revert_that_takes_too_long_or_does_not_begin_counts_as_hung() {
    let mut leases = Leases::default();
    assert_eq!(leases.hung_at(), None);
    on(&mut leases, "r", "f", 1);
    assert_eq!(leases.hung_at(), Some(at(2100)));
    leases.step(at(100), Event::TimePassed);
    assert_eq!(leases.hung_at(), Some(at(5100)));
    leases.step(at(4000), Event::RevertFailed { fault: FaultId::new("f"), errors: vec![] });
    assert_eq!(leases.hung_at(), Some(at(9000)), "it answers, so it does not hang");
    leases.step(at(4001), Event::Reverted { fault: FaultId::new("f"), evidence: None, differences: vec![] });
    assert_eq!(leases.hung_at(), None);
}

/// One thing that happens to an agent.
#[derive(Debug, Clone)]
enum Happening {
    Order {
        run: u8,
        epoch: u64,
        id: u8,
        target: u32,
        lease: u64,
        deadline: u64,
    },
    /// The next thing that was asked of the world is done, or fails.
    WorldAnswers {
        which: usize,
        is_good: bool,
    },
    Renew {
        run: u8,
        epoch: u64,
        id: u8,
    },
    Revert {
        run: u8,
        epoch: Option<u64>,
        id: u8,
    },
    TargetGone(u8),
    Done(u8),
    EndAll,
    TimePasses(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..3_u8, 1..4_u64, 0..6_u8, 0..3_u32, 1..300_u64, 1..600_u64).prop_map(
            |(run, epoch, id, target, lease, deadline)| Happening::Order { run, epoch, id, target, lease, deadline }
        ),
        8 => (0..4_usize, prop::bool::weighted(0.85)).prop_map(
            |(which, is_good)| Happening::WorldAnswers { which, is_good }
        ),
        3 => (0..3_u8, 1..4_u64, 0..6_u8).prop_map(|(run, epoch, id)| Happening::Renew { run, epoch, id }),
        2 => (0..3_u8, prop::option::of(1..4_u64), 0..6_u8).prop_map(
            |(run, epoch, id)| Happening::Revert { run, epoch, id }
        ),
        1 => (0..6_u8).prop_map(Happening::TargetGone),
        1 => (0..6_u8).prop_map(Happening::Done),
        1 => Just(Happening::EndAll),
        4 => (1..200_u64).prop_map(Happening::TimePasses),
    ]
}

/// The world as the leases see it, and a record of what they asked of it.
#[derive(Debug, Default)]
struct World {
    now: u64,
    asked: Vec<Act>,
    targets: BTreeMap<FaultId, u32>,
    bounds: BTreeMap<FaultId, u64>,
    injected: BTreeMap<FaultId, u32>,
    reverted: BTreeMap<FaultId, u32>,
    ended: BTreeSet<FaultId>,
    highest: BTreeMap<RunId, u64>,
}

impl World {
    fn feed(&mut self, leases: &mut Leases, event: Event) {
        let offered = match &event {
            Event::Ordered { fence, .. } | Event::RenewAsked { fence, .. } => Some(fence.clone()),
            _ => None,
        };
        let acts = leases.step(at(self.now), event);
        if let Some(fence) = offered {
            let highest = self.highest.entry(fence.run.clone()).or_default();
            if fence.epoch < *highest {
                assert!(acts.iter().any(|act| matches!(act, Act::Refuse(_))), "a stale epoch is refused: {acts:?}");
                let touches = |act: &Act| matches!(act, Act::Resolve(_) | Act::Inject { .. } | Act::Renew { .. });
                assert!(!acts.iter().any(touches), "a stale epoch changes nothing: {acts:?}");
            }
            *highest = fence.epoch.max(*highest);
        }
        for act in acts {
            match &act {
                Act::Inject { fault, .. } => {
                    *self.injected.entry(fault.clone()).or_default() += 1;
                    assert!(!self.reverted.contains_key(fault), "injected after its revert began");
                    assert!(!self.ended.contains(fault), "injected after its end");
                }
                Act::Revert(fault) => *self.reverted.entry(fault.clone()).or_default() += 1,
                Act::Report { fault, event } => match event {
                    AgentEvent::Reverted { .. } | AgentEvent::Refused { .. } | AgentEvent::Done { .. } => {
                        assert!(self.ended.insert(fault.clone()), "{fault} ended twice");
                    }
                    AgentEvent::On { .. } | AgentEvent::Seen { .. } | AgentEvent::RevertFailed { .. } => {}
                },
                _ => {}
            }
            if matches!(act, Act::Resolve(_) | Act::Record(_) | Act::Inject { .. } | Act::Revert(_)) {
                self.asked.push(act);
            }
        }
        self.check(leases);
    }

    fn check(&self, leases: &Leases) {
        for status in leases.statuses(at(self.now)) {
            let bound = self.bounds[&status.order.id];
            let holds_on = matches!(status.state, FaultState::Injecting | FaultState::On);
            assert!(!holds_on || self.now < bound, "{} is on past its deadline {bound}", status.order.id);
        }
        for (fault, injected) in &self.injected {
            assert_eq!(*injected, 1, "{fault}");
            assert!(self.reverted.get(fault).is_none_or(|reverted| *reverted == 1), "{fault}");
        }
        for (fault, reverted) in &self.reverted {
            assert_eq!((*reverted, self.injected.get(fault)), (1, Some(&1)), "only what was injected is reverted");
        }
        if leases.active() > 0 && self.asked.is_empty() {
            assert!(leases.next_deadline().is_some(), "something is on and nothing will end it");
        }
    }

    fn happen(&mut self, leases: &mut Leases, happening: Happening) {
        let fault = |id: u8| FaultId::new(format!("f{id}"));
        let run = |run: u8| format!("r{run}");
        match happening {
            Happening::Order { run: of, epoch, id, target, lease, deadline } => {
                let order = order(fault(id).as_str(), lease, deadline);
                let is_new = leases.order(&order.id).is_none();
                let id = order.id.clone();
                if is_new {
                    self.targets.insert(id.clone(), target);
                    self.bounds.insert(id, self.now + deadline);
                }
                self.feed(leases, ordered(fence(&run(of), epoch), order));
            }
            Happening::WorldAnswers { which, is_good } => {
                if self.asked.is_empty() {
                    return;
                }
                let act = self.asked.remove(which % self.asked.len());
                let event = match (act, is_good) {
                    (Act::Resolve(fault), true) => {
                        let holds = holds(self.targets[&fault]);
                        Event::Resolved { fault, holds }
                    }
                    (Act::Record(fault), true) => Event::Recorded { fault },
                    (Act::Inject { fault, .. }, true) => Event::Injected { fault, backend: "b".into() },
                    (Act::Resolve(fault) | Act::Record(fault) | Act::Inject { fault, .. }, false) => {
                        // A fault that could not be injected does not answer its revert any more.
                        self.asked.retain(|asked| *asked != Act::Revert(fault.clone()));
                        Event::Refused { fault, refusal: refusal() }
                    }
                    (Act::Revert(fault), is_good) => {
                        if self.asked.iter().any(|asked| matches!(asked, Act::Inject { fault: id, .. } if *id == fault))
                        {
                            // The fault's thread takes its work in order.
                            return self.asked.push(Act::Revert(fault));
                        }
                        if is_good {
                            Event::Reverted { fault, evidence: None, differences: vec![] }
                        } else {
                            self.asked.push(Act::Revert(fault.clone()));
                            Event::RevertFailed { fault, errors: vec!["it broke".into()] }
                        }
                    }
                    (other, _) => unreachable!("{other:?}"),
                };
                self.feed(leases, event);
            }
            Happening::Renew { run: of, epoch, id } => {
                self.feed(leases, Event::RenewAsked { fence: fence(&run(of), epoch), faults: vec![fault(id)] });
            }
            Happening::Revert { run: of, epoch, id } => {
                let fence = epoch.map(|epoch| fence(&run(of), epoch));
                if let Some(fence) = &fence {
                    let highest = self.highest.entry(fence.run.clone()).or_default();
                    *highest = fence.epoch.max(*highest);
                }
                self.feed(leases, Event::RevertAsked { fence, fault: fault(id) });
            }
            Happening::TargetGone(id) => self.feed(leases, Event::TargetGone { fault: fault(id) }),
            Happening::Done(id) => {
                let fault = fault(id);
                if state_of(leases, &fault) == Some(FaultState::On) {
                    let evidence = Evidence::Paused { held: 1, threads: 1, died: 0 };
                    self.feed(leases, Event::Done { fault, evidence });
                }
            }
            Happening::EndAll => self.feed(leases, Event::EndAll { cause: EndCause::AgentRestart }),
            Happening::TimePasses(millis) => {
                // As the desk does: nothing due is slept over.
                let until = self.now + millis;
                while let Some(due) = leases.next_deadline().filter(|due| *due <= at(until)) {
                    self.now = u64::try_from(due.since_boot().as_millis()).unwrap();
                    self.feed(leases, Event::TimePassed);
                }
                self.now = until;
                self.feed(leases, Event::TimePassed);
            }
        }
    }
}

fn state_of(leases: &Leases, fault: &FaultId) -> Option<FaultState> {
    leases.status(at(0), fault).map(|status| status.state)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_fault_ends_in_time_and_is_reverted_once(happenings in prop::collection::vec(happening(), 1..80)) {
        let (mut leases, mut world) = (Leases::default(), World::default());
        for happening in happenings {
            world.happen(&mut leases, happening);
        }
        // Left alone, everything ends.
        world.happen(&mut leases, Happening::TimePasses(1000));
        while !world.asked.is_empty() {
            world.happen(&mut leases, Happening::WorldAnswers { which: 0, is_good: true });
        }
        prop_assert_eq!(leases.active(), 0);
        for fault in world.injected.keys() {
            prop_assert!(world.ended.contains(fault), "{} never ended", fault);
        }
    }
}
