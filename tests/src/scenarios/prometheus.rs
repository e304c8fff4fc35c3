//! The Prometheus of a world: one, outside every zone, that knows all targets from its start.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::blueprint::{OnDeath, Part, Target};
use crate::programs::Programs;

/// Its configuration: one job per name and pace, because each target may have a pace of its own.
pub(super) fn configuration(targets: &[Target]) -> String {
    let mut text = "global:\n  scrape_interval: 500ms\n  evaluation_interval: 500ms\nscrape_configs:\n".to_owned();
    let mut jobs: BTreeMap<(&str, Duration), Vec<&Target>> = BTreeMap::new();
    for target in targets {
        jobs.entry((&target.job, target.interval)).or_default().push(target);
    }
    for ((job, interval), targets) in jobs {
        let interval = format!("{}ms", interval.as_millis());
        text += &format!("  - job_name: {job}\n    scrape_interval: {interval}\n    scrape_timeout: {interval}\n");
        text += "    static_configs:\n";
        for target in targets {
            let labels = serde_json::to_string(&target.labels).expect("a map of text is JSON");
            text += &format!("      - targets: [\"{}\"]\n        labels: {labels}\n", target.address);
        }
    }
    text
}

/// The process.
pub fn prometheus(programs: &Programs, directory: &Path) -> Part {
    let flags = [
        "--config.file=prometheus.yml".to_owned(),
        format!("--storage.tsdb.path={}", directory.join("prometheus").display()),
        "--web.listen-address=0.0.0.0:9090".to_owned(),
        // Short, so that what vanished is not believed for another five minutes.
        "--query.lookback-delta=3s".to_owned(),
        "--log.level=warn".to_owned(),
    ];
    Part {
        name: "prometheus".to_owned(),
        program: programs.prometheus.clone(),
        arguments: flags.into(),
        namespace: None,
        on_death: OnDeath::FailTheWorld,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::Zone;
    use crate::scenarios::piece::{FAST, ORDINARY, leaf};

    #[test]
    fn prometheus_scrapes_each_target_at_its_own_pace_under_its_own_name() {
        let payments = leaf("shop", "payments", Zone::Z2, 40);
        let targets = [Target::of(&payments, ORDINARY), Target::outside("load", 9100, FAST)];
        insta::assert_snapshot!(configuration(&targets), @r#"
        global:
          scrape_interval: 500ms
          evaluation_interval: 500ms
        scrape_configs:
          - job_name: load
            scrape_interval: 200ms
            scrape_timeout: 200ms
            static_configs:
              - targets: ["10.0.0.2:9100"]
                labels: {"instance":"load"}
          - job_name: payments
            scrape_interval: 500ms
            scrape_timeout: 500ms
            static_configs:
              - targets: ["10.0.2.40:8080"]
                labels: {"app":"payments","instance":"payments-z2","zone":"z2"}
        "#);
    }
}
