//! A failing backend opens HAProxy's breaker (catalogue 1).
//!
//! One backend a zone. HAProxy watches the answers it forwards, and takes a server out after five errors in a row
//! although its health check goes on succeeding; it is let in again after 15 checks, a second apart. The longer hold
//! keeps the breaker open past a fault of ten seconds.
//!
//! The twin watches connections only (`observe layer4`), and retries errors on the next server. So customers see
//! none, the steady state is perfect, and every third request hits the broken server for ever.

use std::path::PathBuf;

use super::{ORDINARY, Twin, haproxy, haproxy_head, haproxy_target, leaf, load, load_target, ready_when};
use crate::blueprint::{Blueprint, SERVICE_PORT, Target, Zone};
use crate::programs::{Program, Programs};

/// Requests a second from customers: 15 a second for each backend, so five errors in a row take a third of a second.
const RATE: u32 = 45;

pub(super) fn blueprint(twin: Twin, programs: &Programs, lab: &Program) -> Blueprint {
    let instances = Zone::ALL.map(|zone| leaf("backend", zone)).to_vec();
    let mut targets: Vec<Target> = instances.iter().map(|instance| Target::of(instance, ORDINARY)).collect();
    targets.extend([load_target(), haproxy_target()]);

    let (retry, observe) = match twin {
        Twin::Good => ("retry-on conn-failure", "observe layer7"),
        Twin::Broken => ("retry-on conn-failure 500", "observe layer4"),
    };
    let mut configuration = haproxy_head();
    configuration += &format!(
        "backend backends\n    balance roundrobin\n    timeout server 3s\n    option httpchk GET /healthz\n    {retry}\n"
    );
    for instance in &instances {
        let check = format!("check inter 1s fall 3 rise 15 {observe} error-limit 5 on-error mark-down");
        configuration += &format!("    server {} {} {check}\n", instance.name, instance.service());
    }

    let front = format!("http://127.0.0.1:{SERVICE_PORT}/");
    let mut ready_when = ready_when(&targets);
    ready_when.push("haproxy_backend_active_servers{proxy=\"backends\"} == 3".to_owned());
    Blueprint {
        namespace: "lab".to_owned(),
        outside: vec![haproxy(programs), load(lab, &front, RATE, &instances)],
        targets,
        files: vec![(PathBuf::from("haproxy.cfg"), configuration)],
        ready_when,
        instances,
    }
}
