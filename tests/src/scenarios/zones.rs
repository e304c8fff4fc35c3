//! A lost zone fails over (catalogue 8).
//!
//! One backend a zone. HAProxy stands outside and asks each backend for its health twice a second; two failures in
//! a row and its zone gets no more requests. The twin asks every thirty seconds, and believes ten failures.

use std::path::PathBuf;

use super::{ORDINARY, Twin, haproxy, haproxy_head, haproxy_target, leaf, load, load_target, ready_when};
use crate::blueprint::{Blueprint, SERVICE_PORT, Target, Zone};
use crate::programs::{Program, Programs};

/// Requests a second from customers.
const RATE: u32 = 45;

pub(super) fn blueprint(twin: Twin, programs: &Programs, lab: &Program) -> Blueprint {
    let instances = Zone::ALL.map(|zone| leaf("backend", zone)).to_vec();
    let mut targets: Vec<Target> = instances.iter().map(|instance| Target::of(instance, ORDINARY)).collect();
    targets.extend([load_target(), haproxy_target()]);

    let check = match twin {
        Twin::Good => "check inter 500ms fall 2 rise 2",
        Twin::Broken => "check inter 30s fall 10 rise 2",
    };
    let mut configuration = haproxy_head();
    configuration +=
        "backend backends\n    balance roundrobin\n    timeout server 1s\n    option httpchk GET /healthz\n";
    configuration += "    retry-on conn-failure empty-response response-timeout\n";
    for instance in &instances {
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
