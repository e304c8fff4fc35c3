//! Every kind of fault behind one face: inject, look after, gather evidence, revert.

use super::kill::{Kill, KillOrder};
use super::pause::Pause;
use crate::instance::Instance;
use squall_experiments::fault::{Difference, Evidence, Order, OrderFault, Refusal, RefusalKind};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// A fault that is on. Dropping it lets everything go that the kernel binds to it.
#[derive(Debug)]
pub enum Fault {
    /// Signals.
    Kill(Kill),
    /// Held threads.
    Pause(Pause),
}

/// How a fault is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is on.
    On,
    /// A one-shot that is over.
    Done,
    /// Its target vanished.
    TargetGone,
}

impl Fault {
    /// Changes the target. On refusal whatever was begun has been undone.
    pub fn inject(order: &Order, instance: Instance, _lease: Duration) -> Result<Self, Refusal> {
        match &order.fault {
            OrderFault::Kill { signal, process, grace, hold_down } => {
                let kill = KillOrder {
                    signal: *signal,
                    called: process.clone(),
                    grace: grace.map(Into::into),
                    hold_down: *hold_down,
                };
                Kill::inject(kill, order.locator.clone(), instance.processes).map(Self::Kill)
            }
            OrderFault::Pause { process } => {
                let find = || crate::instance::find_processes(&order.locator, process.as_deref()).unwrap_or_default();
                Pause::inject(instance.processes, find).map(Self::Pause)
            }
            OrderFault::Network(_) => Err(Refusal {
                kind: RefusalKind::Unsupported,
                reason: "this build of the agent has no network faults".into(),
            }),
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
        }
    }

    /// By what it is done.
    pub fn backend(&self) -> String {
        match self {
            Self::Kill(_) => "pidfd_send_signal".to_owned(),
            Self::Pause(_) => "ptrace".to_owned(),
        }
    }

    /// Moves the kernel's own gate, where there is one.
    pub fn renew(&mut self, _lease: Duration) -> Result<(), String> {
        match self {
            Self::Kill(_) | Self::Pause(_) => Ok(()),
        }
    }

    /// What it has done so far.
    pub fn evidence(&mut self) -> Result<Evidence, String> {
        match self {
            Self::Kill(kill) => Ok(kill.evidence()),
            Self::Pause(pause) => Ok(pause.evidence()),
        }
    }

    /// Looks after it.
    pub fn tend(&mut self) -> Standing {
        match self {
            Self::Kill(kill) => {
                kill.tend();
                if kill.is_done() { Standing::Done } else { Standing::On }
            }
            Self::Pause(pause) => {
                pause.tend();
                if pause.is_target_gone() { Standing::TargetGone } else { Standing::On }
            }
        }
    }

    /// When it is to be tended next, at the latest.
    pub fn tend_within(&self) -> Duration {
        match self {
            Self::Kill(kill) => kill.tend_within(),
            Self::Pause(pause) => pause.tend_within(),
        }
    }

    /// Descriptors that are readable once it is to be tended.
    pub fn watched(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Kill(kill) => kill.watched().collect(),
            Self::Pause(_) => Vec::new(),
        }
    }

    /// What is not as it was before it began.
    pub fn differences(&self) -> Vec<Difference> {
        match self {
            Self::Kill(_) | Self::Pause(_) => Vec::new(),
        }
    }
}
