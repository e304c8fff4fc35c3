//! The thread that owns one fault, from its injection to its revert.
//!
//! Kernel work may be slow, and a process held by ptrace is held by a *thread*: so every fault has
//! one of its own. It takes work from the desk in order, tells the desk what happened, and owns
//! everything the kernel binds to the fault. When the desk drops the [`Holder`], it reverts.

use crate::faults::fault::{Fault, Standing};
use crate::instance::Instance;
use crate::snapshot::Snapshot;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use squall_experiments::fault::{Difference, Evidence, Order, Refusal, RefusalKind};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

/// How often evidence is gathered while a fault is on.
const EVIDENCE_EVERY: Duration = Duration::from_millis(500);
/// How often a failing revert is tried before the kernel's own binding must do: dropping the fault.
const REVERT_TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);
/// A fault needs little: the deepest it goes is a netlink batch.
const STACK: usize = 512 * 1024;

/// What the desk asks of a fault.
#[derive(Debug)]
enum Work {
    Renew(Duration),
    Revert,
}

/// What a fault tells the desk.
#[derive(Debug)]
pub enum Told {
    /// It is on.
    Injected {
        /// By what.
        backend: String,
    },
    /// It could not be injected; whatever was begun has been undone. The thread ends.
    Refused(Refusal),
    /// What it has done so far.
    Seen(Evidence),
    /// A one-shot is over. The thread ends.
    Done(Evidence),
    /// Its target vanished; it waits for its revert.
    TargetGone,
    /// What carries it broke; it waits for its revert.
    Broke,
    /// The kernel's own gate could not be moved: it will close by itself.
    GateLost,
    /// Undoing failed; it is tried again.
    RevertFailed(Vec<String>),
    /// It is undone. The thread ends.
    Reverted {
        /// The last totals.
        evidence: Option<Evidence>,
        /// What is not as it was before.
        differences: Vec<Difference>,
    },
}

/// The desk's end of a fault's thread.
#[derive(Debug)]
pub struct Holder {
    work: Sender<Work>,
    wake: Arc<OwnedFd>,
}

impl Holder {
    /// Starts the thread, which injects at once.
    pub fn start(
        order: Order,
        instance: Instance,
        before: Option<Snapshot>,
        lease: Duration,
        tell: impl Fn(Told) + Send + 'static,
    ) -> io::Result<Self> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (work, inbox) = mpsc::channel();
        let inbox = Inbox { work: inbox, wake: Arc::clone(&wake) };
        thread::Builder::new().name(format!("fault {}", order.id)).stack_size(STACK).spawn(move || {
            let fault = Fault::inject(&order, instance, before, lease);
            hold(&order, fault, &inbox, &tell);
        })?;
        Ok(Self { work, wake })
    }

    /// Moves the kernel's own gate.
    pub fn renew(&self, lease: Duration) {
        self.ask(Work::Renew(lease));
    }

    /// Undoes the fault.
    pub fn revert(&self) {
        self.ask(Work::Revert);
    }

    fn ask(&self, work: Work) {
        // A thread that has ended has told so, and nothing is left to be asked of it.
        let _ended = self.work.send(work);
        ring(&self.wake);
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let (nobody, _) = mpsc::channel();
        self.work = nobody;
        ring(&self.wake);
    }
}

/// The counter cannot overflow in practice, and a full one wakes as well.
fn ring(wake: &OwnedFd) {
    let _full = rustix::io::write(wake, &1_u64.to_ne_bytes());
}

struct Inbox {
    work: Receiver<Work>,
    wake: Arc<OwnedFd>,
}

impl Inbox {
    /// Waits for work, for a descriptor of the fault's, or for the time to pass.
    fn wait(&self, fault: &Fault, at_most: Duration) {
        let watched = fault.watched();
        let mut polled: Vec<PollFd<'_>> = vec![PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN)];
        polled.extend(watched.into_iter().map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN)));
        let at_most = at_most.min(EVIDENCE_EVERY);
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(at_most.subsec_nanos()) };
        // Interrupted or not: whoever waits looks at everything.
        let _woken = poll(&mut polled, Some(&timeout));
        let _drained = rustix::io::read(&self.wake, &mut [0_u8; 8]);
    }
}

fn hold(order: &Order, injected: Result<Fault, Refusal>, inbox: &Inbox, tell: &impl Fn(Told)) {
    let mut fault = match injected {
        Ok(fault) => fault,
        Err(refusal) => return tell(Told::Refused(refusal)),
    };
    tell(Told::Injected { backend: fault.backend() });
    let mut seen: Option<Evidence> = None;
    let mut gather_at = Instant::now();
    let mut is_target_gone = false;
    loop {
        match fault.tend() {
            Standing::On => {}
            Standing::Done => {
                return match fault.evidence() {
                    Ok(evidence) => tell(Told::Done(evidence)),
                    Err(reason) => tell(Told::Refused(Refusal { kind: RefusalKind::Failed, reason })),
                };
            }
            Standing::Broke => tell(Told::Broke),
            Standing::TargetGone if is_target_gone => {}
            Standing::TargetGone => {
                is_target_gone = true;
                tell(Told::TargetGone);
            }
        }
        if gather_at <= Instant::now() {
            gather_at = Instant::now() + EVIDENCE_EVERY;
            match fault.evidence() {
                Ok(now) if seen.as_ref() != Some(&now) => {
                    seen = Some(now.clone());
                    tell(Told::Seen(now));
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(fault = %order.id, error, "gather evidence"),
            }
        }
        match inbox.work.try_recv() {
            Ok(Work::Renew(lease)) => {
                if let Err(error) = fault.renew(lease) {
                    tracing::warn!(fault = %order.id, error, "renew the kernel's own gate");
                    tell(Told::GateLost);
                }
            }
            Ok(Work::Revert) | Err(TryRecvError::Disconnected) => return revert(fault, seen, tell),
            Err(TryRecvError::Empty) => {
                let evidence_within = gather_at.saturating_duration_since(Instant::now());
                inbox.wait(&fault, fault.tend_within().min(evidence_within));
            }
        }
    }
}

fn revert(mut fault: Fault, seen: Option<Evidence>, tell: &impl Fn(Told)) {
    let evidence = fault.evidence().ok().or(seen);
    for _ in 0..REVERT_TRIES {
        match fault.revert() {
            Ok(()) => break,
            Err(errors) => tell(Told::RevertFailed(errors)),
        }
        thread::sleep(BETWEEN_TRIES);
    }
    if fault.broke() {
        tell(Told::Broke);
    }
    let differences = fault.end();
    tell(Told::Reverted { evidence, differences });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::fault::testing::{broken_delay, delay_that_breaks_last};
    use squall_experiments::fault::{ORDER_VERSION, OrderFault};
    use squall_experiments::name::{FaultId, InstanceName};
    use squall_experiments::target::Locator;
    use squall_experiments::unit::Length;
    use std::cell::RefCell;

    /// Everything a fault tells that is reverted once `revert_after` has been told; evidence left out.
    fn told(fault: Fault, revert_after: impl Fn(&Told) -> bool) -> Vec<Told> {
        let order = Order {
            version: ORDER_VERSION,
            id: FaultId::new("f"),
            step: "step".parse().unwrap(),
            instance: InstanceName::new("instance"),
            locator: Locator::default(),
            fault: OrderFault::Pause { process: None },
            lease: Length::from_millis(1_000),
            deadline: Length::from_millis(1_000),
        };
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap());
        let (work, inbox) = mpsc::channel();
        let inbox = Inbox { work: inbox, wake: Arc::clone(&wake) };
        let heard = RefCell::new(Vec::new());
        hold(&order, Ok(fault), &inbox, &|told| {
            if revert_after(&told) {
                work.send(Work::Revert).unwrap();
            }
            heard.borrow_mut().push(told);
        });
        heard.into_inner().into_iter().filter(|told| !matches!(told, Told::Seen(_))).collect()
    }

    #[test]
    fn a_delay_that_breaks_is_told_before_its_revert() {
        let told = told(broken_delay(), |told| matches!(told, Told::Broke));
        assert!(matches!(told[..], [Told::Injected { .. }, Told::Broke, Told::Reverted { .. }]), "{told:?}");
    }

    #[test]
    fn a_delay_that_breaks_after_the_last_look_is_told_too() {
        let told = told(delay_that_breaks_last(), |told| matches!(told, Told::Injected { .. }));
        assert!(matches!(told[..], [Told::Injected { .. }, Told::Broke, Told::Reverted { .. }]), "{told:?}");
    }
}
