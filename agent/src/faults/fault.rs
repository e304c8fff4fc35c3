//! Every kind of fault behind one face: inject, look after, gather evidence, revert.

use super::kill::{Kill, KillOrder};
use super::network::{NetworkFault, foresee};
use super::pause::Pause;
use crate::explain;
use crate::instance::{Instance, Namespace, find_targets};
use crate::process::Process;
use crate::snapshot::Snapshot;
use squall_experiments::fault::{Difference, Evidence, Order, OrderFault, Refusal, RefusalKind, Signal};
use squall_experiments::name::FaultId;
use squall_experiments::unit::Length;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// A fault that is on. Dropping it lets everything go that the kernel binds to it.
#[derive(Debug)]
pub enum Fault {
    /// Signals.
    Kill(Box<Kill>),
    /// Held threads.
    Pause(Pause),
    /// Disturbed packets.
    Network(Box<Disturbed>),
}

/// A namespace whose packets are disturbed.
#[derive(Debug)]
pub struct Disturbed {
    id: FaultId,
    fault: NetworkFault,
    instance: Instance,
    before: Option<Snapshot>,
}

/// A namespace with a place of its own has no descriptor that says it is gone, nor has a reader that broke.
const LOOK_AFTER_NETWORK: Duration = Duration::from_millis(500);

const KILL_BACKEND: &str = "pidfd";
const PAUSE_BACKEND: &str = "ptrace";

/// How a fault is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is on.
    On,
    /// A one-shot that is over.
    Done,
    /// Its target vanished.
    TargetGone,
    /// What carries it broke: it is on in name only. Said once.
    Broke,
}

impl Fault {
    /// By what the order would be carried out on this instance as things are. Touches nothing.
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn foresee(order: &Order, instance: &Instance) -> Result<String, Refusal> {
        match &order.fault {
            OrderFault::Kill { signal, process, grace, hold_down } => {
                let kill = kill_order(*signal, process.as_ref(), *grace, *hold_down);
                Kill::foresee(&kill, &instance.processes).map(|()| KILL_BACKEND.to_owned())
            }
            OrderFault::Pause { .. } => Pause::foresee(&instance.processes).map(|()| PAUSE_BACKEND.to_owned()),
            OrderFault::Network(network) => {
                let namespace = namespace_of(instance)?;
                Ok(foresee(&order.id, network, namespace.as_fd())?)
            }
        }
    }

    /// Changes the target. On refusal whatever was begun has been undone.
    pub fn inject(
        order: &Order,
        instance: Instance,
        before: Option<Snapshot>,
        lease: Duration,
    ) -> Result<Self, Refusal> {
        match &order.fault {
            OrderFault::Kill { signal, process, grace, hold_down } => {
                let kill = kill_order(*signal, process.as_ref(), *grace, *hold_down);
                Kill::inject(kill, order.locator.clone(), instance.processes).map(|kill| Self::Kill(Box::new(kill)))
            }
            OrderFault::Pause { process } => {
                let find = || find_targets(&order.locator, process.as_deref());
                Pause::inject(instance.processes, find).map(Self::Pause)
            }
            OrderFault::Network(network) => {
                let namespace = namespace_of(&instance)?;
                let fault = NetworkFault::inject(&order.id, network, namespace.as_fd(), lease)?;
                Ok(Self::Network(Box::new(Disturbed { id: order.id.clone(), fault, instance, before })))
            }
        }
    }

    /// Undoes it. May be called again after an error, and when everything is gone already.
    pub fn revert(&mut self) -> Result<(), Vec<String>> {
        match self {
            Self::Kill(kill) => {
                kill.revert();
                Ok(())
            }
            Self::Pause(pause) => pause.revert(),
            Self::Network(on) => on.fault.revert().map_err(|errors| errors.0.iter().map(|one| explain(one)).collect()),
        }
    }

    /// By what it is done.
    pub fn backend(&self) -> String {
        match self {
            Self::Kill(_) => KILL_BACKEND.to_owned(),
            Self::Pause(_) => PAUSE_BACKEND.to_owned(),
            Self::Network(on) => on.fault.backend().to_owned(),
        }
    }

    /// Moves the kernel's own gate, where there is one.
    pub fn renew(&mut self, lease: Duration) -> Result<(), String> {
        match self {
            Self::Kill(_) | Self::Pause(_) => Ok(()),
            Self::Network(on) => on.fault.renew(lease).map_err(|error| explain(&error)),
        }
    }

    /// What it has done so far.
    pub fn evidence(&mut self) -> Result<Evidence, String> {
        match self {
            Self::Kill(kill) => Ok(kill.evidence()),
            Self::Pause(pause) => Ok(pause.evidence()),
            Self::Network(on) => on.fault.evidence().map_err(|error| explain(&error)),
        }
    }

    /// Looks after it.
    pub fn tend(&mut self) -> Standing {
        // First of all: what came back while nobody looked is killed, and only then told of.
        if let Self::Kill(kill) = self {
            kill.tend();
        }
        if self.broke() {
            return Standing::Broke;
        }
        match self {
            Self::Kill(kill) => {
                if kill.is_done() {
                    Standing::Done
                } else {
                    Standing::On
                }
            }
            Self::Pause(pause) => {
                pause.tend();
                if pause.is_target_gone() { Standing::TargetGone } else { Standing::On }
            }
            Self::Network(on) => {
                if on.instance.is_gone() {
                    Standing::TargetGone
                } else {
                    Standing::On
                }
            }
        }
    }

    /// Whether what carries it broke, once. After a revert: whether that was found only by ending it.
    pub fn broke(&mut self) -> bool {
        let on = match self {
            Self::Network(on) => on,
            Self::Pause(_) => return false,
            Self::Kill(kill) => {
                let gap = kill.broke();
                if let Some(gap) = gap {
                    tracing::error!(?gap, "an instance was not held down: this agent hung");
                }
                return gap.is_some();
            }
        };
        let broken = on.fault.broke();
        if let Some(error) = &broken {
            tracing::error!(fault = %on.id, error = explain(error), "packets passed unheld");
        }
        broken.is_some()
    }

    /// When it is to be tended next, at the latest.
    pub fn tend_within(&self) -> Duration {
        match self {
            Self::Kill(kill) => kill.tend_within(),
            Self::Pause(pause) => pause.tend_within(),
            Self::Network(_) => LOOK_AFTER_NETWORK,
        }
    }

    /// Descriptors that are readable once it is to be tended.
    pub fn watched(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Kill(kill) => kill.watched().collect(),
            Self::Pause(_) => Vec::new(),
            Self::Network(on) => {
                let living = on.instance.processes.iter().filter(|process| !process.has_exited());
                living.map(Process::as_fd).collect()
            }
        }
    }

    /// Lets everything go that the kernel binds to it, and says what is not as it was before.
    pub fn end(self) -> Vec<Difference> {
        let on = match self {
            // What was killed is not put back.
            Self::Kill(_) => return Vec::new(),
            Self::Pause(pause) => return pause.differences(),
            Self::Network(on) => on,
        };
        let Disturbed { id, fault, instance, before } = *on;
        // They do nothing, and go with the last fault there that holds packets.
        let left_tables = fault.left_tables();
        drop(fault);
        match (before, instance.namespace) {
            (Some(before), Some(namespace)) => match Snapshot::take(namespace.as_fd()) {
                Ok(now) if left_tables => before.compare_but_for_faults(&now),
                Ok(now) => before.compare_for(&now, &id),
                Err(error) => vec![Difference {
                    what: "the namespace".to_owned(),
                    before: "looked at".to_owned(),
                    after: explain(&error),
                }],
            },
            _ => Vec::new(),
        }
    }
}

fn kill_order(signal: Signal, process: Option<&String>, grace: Option<Length>, hold_down: bool) -> KillOrder {
    KillOrder { signal, called: process.cloned(), grace: grace.map(Into::into), hold_down }
}

fn namespace_of(instance: &Instance) -> Result<&Namespace, Refusal> {
    instance.namespace.as_ref().ok_or_else(|| Refusal {
        kind: RefusalKind::NoTarget,
        reason: "the instance has no network namespace".to_owned(),
    })
}

#[cfg(test)]
pub(crate) mod testing {
    //! Faults for tests.

    use super::*;
    use crate::faults::network::testing;

    /// A delay whose reader breaks, and nothing in the kernel.
    pub fn broken_delay() -> Fault {
        of(testing::broken_delay())
    }

    /// A delay whose reader breaks after the last look at it.
    pub fn delay_that_breaks_last() -> Fault {
        of(testing::delay_that_breaks_last())
    }

    fn of(fault: NetworkFault) -> Fault {
        let instance = Instance { processes: Vec::new(), namespace: None };
        Fault::Network(Box::new(Disturbed { id: FaultId::new("f"), fault, instance, before: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::pause::tracer_of;
    use crate::process::ProcessFacts;
    use crate::process::testing::Doomed;
    use squall_experiments::fault::ORDER_VERSION;
    use squall_experiments::name::InstanceName;
    use squall_experiments::target::{Locator, ProcessLocator};
    use std::process::Command;
    use std::time::Instant;

    fn pause_at(locator: Locator) -> Order {
        Order {
            version: ORDER_VERSION,
            id: FaultId::new("f"),
            step: "step".parse().unwrap(),
            instance: InstanceName::new("instance"),
            locator,
            fault: OrderFault::Pause { process: None },
            lease: Length::from_millis(1_000),
            deadline: Length::from_millis(1_000),
        }
    }

    #[test]
    fn a_process_that_is_still_held_is_said_to_be() {
        let child = Doomed::spawn(Command::new("sleep").arg("100"));
        let hold = || {
            let processes = vec![Process::open(child.id()).unwrap().unwrap()];
            Fault::Pause(Pause::inject(processes, || Ok(Vec::new())).unwrap())
        };
        let mut fault = hold();
        fault.revert().unwrap();
        assert_eq!(fault.end(), []);
        let differences = hold().end();
        assert!(differences.len() == 1 && differences[0].what.contains(&child.id().to_string()), "{differences:?}");
        assert!(differences[0].what.starts_with("tracer of thread") && differences[0].before == "none");
    }

    #[test]
    fn a_process_that_stays_stopped_is_said_to_be() {
        let child = Doomed::spawn(Command::new("sleep").arg("100"));
        let held = || Process::open(child.id()).unwrap().unwrap();
        let end = |stop: bool| {
            let mut fault = Fault::Pause(Pause::inject(vec![held()], || Ok(Vec::new())).unwrap());
            if stop {
                held().signal("STOP".parse().unwrap()).unwrap();
            }
            fault.revert().unwrap();
            // Let go, it stops of itself, in its own time.
            let deadline = Instant::now() + Duration::from_secs(5);
            while stop && ProcessFacts::of(child.id()).unwrap().state != 'T' {
                assert!(Instant::now() < deadline, "it does not stop");
                std::thread::yield_now();
            }
            fault.end()
        };
        let differences = end(true);
        assert!(differences.len() == 1 && differences[0].after == "stopped", "{differences:?}");
        assert_eq!(end(false), [], "it was stopped before");
    }

    #[test]
    fn a_pidfile_that_comes_to_name_the_agent_pauses_nothing() {
        let child = Doomed::spawn(Command::new("sleep").arg("100"));
        let folder = tempfile::tempdir().unwrap();
        let pidfile = folder.path().join("pid");
        std::fs::write(&pidfile, std::process::id().to_string()).unwrap();
        let order = pause_at(Locator { process: Some(ProcessLocator::Pidfile(pidfile)), netns: None });
        let instance = Instance { processes: vec![Process::open(child.id()).unwrap().unwrap()], namespace: None };
        let refusal = Fault::inject(&order, instance, None, Duration::from_secs(1)).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Protected, "{refusal:?}");
        assert_eq!(tracer_of(child.id()), None);
    }
}
