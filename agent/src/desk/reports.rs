//! What happened, for whoever watches.

use jiff::Timestamp;
use squall_experiments::fault::{AgentEvent, AgentReport};
use squall_experiments::name::{FaultId, RunId};
use std::collections::VecDeque;
use tokio::sync::mpsc;

/// Reports that are kept for those who come later.
const KEPT: usize = 4096;
/// Reports a watcher may lag behind before it is cut off; it comes back with its position.
const LAG: usize = 1024;

/// Names one life of an agent: the numbers of its reports begin anew with each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life(String);

impl Life {
    /// A life that begins now.
    pub fn begin() -> Self {
        let since_boot = crate::clock::BootTime::now().since_boot().as_nanos();
        Self(format!("{}-{since_boot:x}", std::process::id()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug)]
pub(super) struct Reports {
    life: Life,
    last: u64,
    kept: VecDeque<AgentReport>,
    watchers: Vec<mpsc::Sender<AgentReport>>,
}

impl Reports {
    pub fn new(life: Life) -> Self {
        Self { life, last: 0, kept: VecDeque::new(), watchers: Vec::new() }
    }

    pub fn tell(&mut self, fault: FaultId, run: RunId, event: AgentEvent) {
        self.last += 1;
        if matches!(event, AgentEvent::Seen { .. }) {
            // Evidence is totals: the newest says all.
            let is_older = |kept: &AgentReport| kept.fault == fault && matches!(kept.event, AgentEvent::Seen { .. });
            self.kept.retain(|kept| !is_older(kept));
        }
        let report = AgentReport { number: self.last, at: Timestamp::now(), fault, run, event };
        self.watchers.retain(|watcher| watcher.try_send(report.clone()).is_ok());
        self.kept.push_back(report);
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }

    pub fn watch(&mut self, life: &str, after: u64) -> mpsc::Receiver<AgentReport> {
        let after = if life == self.life.as_str() { after } else { 0 };
        let (watcher, reports) = mpsc::channel(KEPT + LAG);
        for report in self.kept.iter().filter(|report| report.number > after) {
            watcher.try_send(report.clone()).expect("the channel holds all that are kept");
        }
        self.watchers.push(watcher);
        reports
    }

    /// Whether somebody watches.
    pub fn is_watched(&mut self) -> bool {
        self.watchers.retain(|watcher| !watcher.is_closed());
        !self.watchers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::fault::Evidence;

    fn seen(held: u32) -> AgentEvent {
        AgentEvent::Seen { evidence: Evidence::Paused { held, threads: 9, died: 0 } }
    }

    #[test]
    fn a_watcher_goes_on_where_it_was_and_starts_anew_in_another_life() {
        let mut reports = Reports::new(Life("a".into()));
        let tell = |reports: &mut Reports, event| reports.tell(FaultId::new("f"), RunId::new("r"), event);
        tell(&mut reports, AgentEvent::On { backend: "b".into() });
        tell(&mut reports, seen(1));
        tell(&mut reports, seen(2));
        let numbers = |mut watcher: mpsc::Receiver<AgentReport>| {
            let mut numbers = Vec::new();
            while let Ok(report) = watcher.try_recv() {
                numbers.push(report.number);
            }
            numbers
        };
        assert_eq!(numbers(reports.watch("", 0)), [1, 3], "overtaken evidence is left out");
        assert_eq!(numbers(reports.watch("a", 1)), [3]);
        assert_eq!(numbers(reports.watch("z", 3)), [1, 3]);
    }
}
