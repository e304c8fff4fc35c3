//! What this kernel and these privileges allow, found by trying it.
//!
//! Each network effect is tried for real in a scratch network namespace, on its loopback, and vanishes with the
//! namespace: nothing of the machine is touched, and modules that the kernel loads on demand count.

use crate::faults::network::{DROP_EGRESS_BACKEND, DROP_INGRESS_BACKEND, InjectError, NO_EGRESS_DELAY, try_here};
use crate::kernel::in_scratch_namespace;
use rustix::process::{PidfdFlags, getpid, pidfd_open};
use rustix::thread::{CapabilitySet, capabilities};
use squall_experiments::fault::{Capability, Direction, Effect, NetworkOrder, Refusal, Support};
use squall_experiments::unit::Length;

/// Tries every effect. Takes some milliseconds.
pub fn probe() -> Vec<Capability> {
    let mut all = vec![
        Capability { effect: Effect::Kill, direction: None, support: kill() },
        Capability { effect: Effect::Pause, direction: None, support: pause() },
    ];
    all.extend(network());
    all
}

fn kill() -> Support {
    match pidfd_open(getpid(), PidfdFlags::empty()) {
        Ok(_) => by("pidfd"),
        Err(errno) => no(format!("open a pidfd: {errno}")),
    }
}

/// Whether another process may be traced: ptrace(2), "Ptrace access mode checking".
fn pause() -> Support {
    // Absent without the Yama security module: then it is as with 0.
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let capable = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_PTRACE));
    match (scope.trim(), capable) {
        ("3", _) => no("tracing is switched off until the next boot (kernel.yama.ptrace_scope is 3)".into()),
        (_, true) => by("ptrace"),
        (scope @ ("1" | "2"), false) => {
            no(format!("tracing needs CAP_SYS_PTRACE (kernel.yama.ptrace_scope is {scope})"))
        }
        (_, false) => by("ptrace, of this user's processes only"),
    }
}

fn network() -> Vec<Capability> {
    let tried = in_scratch_namespace(|| {
        // Most kernels can drop both ways: one try instead of two.
        let both = try_drop(Direction::Both);
        let drop = |direction, backend: &str| if both.is_ok() { by(backend) } else { answer(try_drop(direction)) };
        let out = drop(Direction::Egress, DROP_EGRESS_BACKEND);
        let into = drop(Direction::Ingress, DROP_INGRESS_BACKEND);
        let delay = NetworkOrder { delay: Some(Length::from_millis(1)), ..NetworkOrder::about_all(Direction::Ingress) };
        [out, into, no(NO_EGRESS_DELAY.into()), answer(try_here(&delay))]
    });
    let supports = tried.unwrap_or_else(|error| {
        let reason = Refusal::from(InjectError::from(error)).reason;
        std::array::from_fn(|_| no(reason.clone()))
    });
    let effects = [
        (Effect::Drop, Direction::Egress),
        (Effect::Drop, Direction::Ingress),
        (Effect::Delay, Direction::Egress),
        (Effect::Delay, Direction::Ingress),
    ];
    let all = effects.into_iter().zip(supports);
    all.map(|((effect, direction), support)| Capability { effect, direction: Some(direction), support }).collect()
}

fn try_drop(direction: Direction) -> Result<String, InjectError> {
    try_here(&NetworkOrder { partition: true, ..NetworkOrder::about_all(direction) })
}

fn answer(tried: Result<String, InjectError>) -> Support {
    match tried {
        Ok(backend) => Support::By { backend },
        Err(error) => no(Refusal::from(error).reason),
    }
}

fn by(backend: &str) -> Support {
    Support::By { backend: backend.into() }
}

fn no(reason: String) -> Support {
    Support::No { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_effect_has_an_answer_with_words() {
        let all = probe();
        assert_eq!(all.len(), 6);
        for capability in &all {
            let (Support::By { backend: words } | Support::No { reason: words }) = &capability.support;
            assert!(!words.is_empty(), "{capability:?}");
        }
        let delay = all.iter().find(|one| one.effect == Effect::Delay && one.direction == Some(Direction::Egress));
        assert!(matches!(&delay.unwrap().support, Support::No { .. }));
        // Without the privilege every network effect says so.
        if in_scratch_namespace(|| ()).is_err() {
            let refused =
                all.iter().filter(|one| matches!(&one.support, Support::No { reason } if reason.contains("ermitted")));
            assert_eq!(refused.count(), 4);
        }
    }
}
