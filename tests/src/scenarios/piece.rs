//! The pieces that worlds are put together from: a service with its customers, its instances, and what watches them.

use std::path::PathBuf;
use std::time::Duration;

use crate::blueprint::{Blueprint, Instance, OnDeath, Part, Target, Zone};
use crate::programs::Program;

/// How often what shows a breaker is scraped.
pub(super) const FAST: Duration = Duration::from_millis(200);
/// How often everything else is scraped.
pub(super) const ORDINARY: Duration = Duration::from_millis(500);
/// The port of the load generator's metrics.
const LOAD_PORT: u16 = 9100;

/// One service that customers use, and everything behind it.
pub(super) struct Piece {
    /// Its name, as it stands in the label `service` of what its customers see.
    pub service: &'static str,
    /// Where its customers go.
    pub front: String,
    /// Requests a second from them.
    pub rate: u32,
    /// Its instances.
    pub instances: Vec<Instance>,
    /// The app whose instances are probed one by one, from outside.
    pub probed: &'static str,
    /// Its parts outside every zone.
    pub outside: Vec<Part>,
    /// What Prometheus scrapes of it.
    pub targets: Vec<Target>,
    /// Its configuration files.
    pub files: Vec<(PathBuf, String)>,
    /// It is ready when each of these queries has a result.
    pub ready_when: Vec<String>,
}

/// Puts pieces together in one world, with one load generator for all their customers.
pub(super) fn assemble(pieces: Vec<Piece>, lab: &Program) -> Blueprint {
    let mut blueprint = Blueprint {
        instances: Vec::new(),
        outside: Vec::new(),
        targets: vec![Target::outside("load", LOAD_PORT, FAST)],
        files: Vec::new(),
        ready_when: Vec::new(),
    };
    let mut load = vec!["load".to_owned(), "--listen".to_owned(), format!("0.0.0.0:{LOAD_PORT}")];
    for piece in pieces {
        load.extend(["--service".to_owned(), format!("{}={}@{}", piece.service, piece.rate, piece.front)]);
        for instance in piece.instances.iter().filter(|instance| instance.app == piece.probed) {
            let labels = format!("{}/{}/{}", instance.app, instance.name, instance.zone.name());
            load.extend(["--probe".to_owned(), format!("{labels}=http://{}/", instance.service())]);
        }
        blueprint.instances.extend(piece.instances);
        blueprint.outside.extend(piece.outside);
        blueprint.targets.extend(piece.targets);
        blueprint.files.extend(piece.files);
        blueprint.ready_when.extend(piece.ready_when);
    }
    // Everything is scraped, customers of every service are served, probes succeed.
    blueprint.ready_when.extend([
        format!("count(up == 1) == {}", blueprint.targets.len()),
        "min(sum by (service) (rate(client_requests_total{code=\"200\"}[2s]))) > 10".to_owned(),
        "min(probe_success) == 1".to_owned(),
    ]);
    blueprint.outside.push(Part {
        name: "load".to_owned(),
        program: lab.clone(),
        arguments: load,
        namespace: None,
        on_death: OnDeath::FailTheWorld,
    });
    blueprint
}

/// An instance of the shop's server, without upstream. An app has one a zone, all with the same last part of their
/// address.
pub(super) fn leaf(namespace: &str, app: &str, zone: Zone, host: u8) -> Instance {
    let name = format!("{app}-{}", zone.name());
    let arguments = ["shop", "--name", &name, "--zone", &zone.name()].map(str::to_owned).into();
    Instance { name, namespace: namespace.to_owned(), app: app.to_owned(), zone, host, arguments }
}
