//! Why a run ends other than by having gone through its method.

/// What has gone wrong so far. The first cause of each kind counts; nothing is taken back.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// Something needed was not there or broke.
    pub(super) errors: Vec<String>,
    /// A person, a signal, a true `abortIf`.
    pub(super) aborted: Option<String>,
    /// The safety stop went blind: everything is reverted as after an abort.
    pub(super) blind: Option<String>,
    /// The baseline did not hold, or could not be judged: nothing was injected.
    pub(super) no_baseline: Option<String>,
    /// A `waitFor` was not met: the method ends, and the rest is judged.
    pub(super) wait_not_met: bool,
    /// Decisions cannot be stored any more.
    pub(super) storage: bool,
    /// Worth knowing.
    pub(super) notes: Vec<String>,
}

impl Ending {
    /// Whether the method is over before its end.
    pub(super) fn is_set(&self) -> bool {
        self.is_hasty() || !self.errors.is_empty() || self.no_baseline.is_some() || self.wait_not_met
    }

    /// Whether nothing is waited for any more but reverts.
    pub(super) fn is_hasty(&self) -> bool {
        self.aborted.is_some() || self.blind.is_some() || self.storage
    }

    pub(super) fn error(&mut self, reason: String) {
        if !self.errors.contains(&reason) {
            self.errors.push(reason);
        }
    }

    pub(super) fn abort(&mut self, reason: String) {
        match &self.aborted {
            None => self.aborted = Some(reason),
            Some(first) if *first != reason => self.note(format!("also, while it was being aborted: {reason}")),
            Some(_) => {}
        }
    }

    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(super) fn storage_failed(&mut self, reason: &str) {
        if !self.storage {
            self.storage = true;
            self.error(format!("the history could not be written ({reason}), so nothing more was injected"));
        }
    }
}
