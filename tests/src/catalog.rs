//! The ready experiments, each with the scenario it is about and the claim that its broken twin must fail.

use std::path::{Path, PathBuf};

use crate::scenarios::Scenario;

/// A ready experiment.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// Its name: `metadata.name`, and the file without `.yaml`.
    pub name: &'static str,
    /// The world it runs in.
    pub scenario: Scenario,
    /// The claim that names the mechanism, which does not hold on the twin.
    pub twin_fails: &'static str,
}

/// All of them.
pub const CATALOG: [Ready; 3] = [
    Ready { name: "failing-backend-opens-breaker", scenario: Scenario::Breaker, twin_fails: "breaker-opens" },
    Ready { name: "slow-payments-opens-breaker", scenario: Scenario::Shop, twin_fails: "breaker-opens" },
    Ready { name: "lost-zone-fails-over", scenario: Scenario::Zones, twin_fails: "zone-fails-over" },
];

impl Ready {
    /// The file it stands in.
    pub fn file(&self) -> PathBuf {
        let workspace =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate is a folder of the workspace");
        workspace.join("experiments/catalog").join(format!("{}.yaml", self.name))
    }
}
