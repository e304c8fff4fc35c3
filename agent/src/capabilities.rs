//! What faults on processes need of the kernel and of the agent's rights.

use squall_experiments::fault::{Capability, Effect, Support};
use std::fs;

/// `kill` and `pause`, each with its backend or the reason why not.
pub fn of_processes() -> Vec<Capability> {
    let by = |backend: &str| Support::By { backend: backend.to_owned() };
    let pause = match why_no_pause() {
        None => by("ptrace"),
        Some(reason) => Support::No { reason },
    };
    vec![
        Capability { effect: Effect::Kill, direction: None, support: by("pidfd_send_signal") },
        Capability { effect: Effect::Pause, direction: None, support: pause },
    ]
}

fn why_no_pause() -> Option<String> {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok();
    let scope: u8 = scope.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    match scope {
        0 => None,
        1 | 2 if may_trace_all() => None,
        1 | 2 => Some(format!("kernel.yama.ptrace_scope is {scope} and the agent lacks CAP_SYS_PTRACE")),
        _ => Some("kernel.yama.ptrace_scope forbids all tracing".to_owned()),
    }
}

fn may_trace_all() -> bool {
    const CAP_SYS_PTRACE: u64 = 1 << 19;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).is_some_and(|bits| bits & CAP_SYS_PTRACE != 0)
}
