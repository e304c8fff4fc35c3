//! Progress on a terminal: redrawn in place, gone when the run is over.

use super::words;
use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use squall_experiments::engine::{ClaimProgress, Phase, Progress};
use squall_experiments::judge::{Judged, Outcome};
use std::time::Duration;

/// One bar is one line: the phase, what is on, then a line for each claim.
#[derive(Debug)]
pub struct Screen {
    bars: MultiProgress,
    head: ProgressBar,
    faults: ProgressBar,
    claims: Vec<ProgressBar>,
    phase: Option<Phase>,
    colour: bool,
}

impl Screen {
    /// Draws on stderr.
    pub fn new(colour: bool) -> Self {
        Self::drawn_by(ProgressDrawTarget::stderr(), colour)
    }

    fn drawn_by(target: ProgressDrawTarget, colour: bool) -> Self {
        let bars = MultiProgress::with_draw_target(target);
        let head = bars.add(ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}")));
        let faults = bars.add(ProgressBar::new_spinner().with_style(style("  {wide_msg}")));
        Self { bars, head, faults, claims: Vec::new(), phase: None, colour }
    }

    /// Draws where the run is.
    pub fn show(&mut self, elapsed: Duration, progress: &Progress) {
        if self.phase != Some(progress.phase) {
            self.phase = Some(progress.phase);
            self.note(elapsed, words::phase(progress.phase));
        }
        let left = words::left(progress).map(|left| format!(", {left}")).unwrap_or_default();
        self.head.set_message(format!("{} {}{left}", words::stamp(elapsed).trim(), progress.phase));
        self.head.tick();
        let on: Vec<String> = progress.faults.iter().map(words::fault).collect();
        let on = match on.is_empty() {
            true => "no fault is on".to_owned(),
            false => self.painted(&format!("FAULT ON: {}", on.join(", ")), AnsiColor::Yellow),
        };
        self.faults.set_message(on);
        let news: Vec<&ClaimProgress> = progress.claims.iter().filter(|claim| words::is_news(claim)).collect();
        while self.claims.len() < news.len() {
            self.claims.push(self.bars.add(ProgressBar::new_spinner().with_style(style("  {wide_msg}"))));
        }
        let width = news.iter().map(|claim| claim.name.as_str().len()).max().unwrap_or_default();
        for (bar, claim) in self.claims.iter().zip(news) {
            bar.set_message(self.claim(claim, width));
        }
    }

    /// Writes a line above, which stays.
    pub fn note(&mut self, elapsed: Duration, text: &str) {
        // A terminal that is gone is no reason to end a run.
        let _ = self.bars.println(format!("{}  {}", words::stamp(elapsed), plain(text)));
    }

    /// Clears what is redrawn.
    pub fn finish(self) {
        let _ = self.bars.clear();
    }

    fn claim(&self, claim: &ClaimProgress, width: usize) -> String {
        let (mark, state) = words::claim(claim);
        let text = format!("{mark} {:<width$}  {}", claim.name, plain(&state));
        match &claim.judged {
            Some(Judged::Settled { outcome: Outcome::Passed, .. }) => self.painted(&text, AnsiColor::Green),
            Some(Judged::Settled { outcome: Outcome::Failed | Outcome::Error, .. }) => {
                self.painted(&text, AnsiColor::Red)
            }
            Some(Judged::Settled { outcome: Outcome::Inconclusive, .. }) => self.painted(&text, AnsiColor::Yellow),
            Some(Judged::Pending { .. }) | None => text,
        }
    }

    fn painted(&self, text: &str, colour: AnsiColor) -> String {
        let style = Style::new().fg_color(Some(colour.into()));
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is written here, and a test draws it")
}

/// What a program under test printed must neither steer the terminal nor break the line.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::claim::Role;
    use squall_experiments::engine::FaultProgress;

    #[test]
    fn the_screen_says_phase_time_left_faults_and_claims() {
        let mut screen = Screen::drawn_by(ProgressDrawTarget::hidden(), false);
        let claim = |name: &str, role, judged| ClaimProgress { name: name.parse().unwrap(), role, judged };
        let failed = Judged::Settled { outcome: Outcome::Failed, reason: "it was 0.91".to_owned(), measure: None };
        screen.show(
            Duration::from_millis(12_340),
            &Progress {
                phase: Phase::Method,
                left: Some(Duration::from_millis(64_200)),
                claims: vec![
                    claim("breaker-opens", Role::Expect, Some(Judged::Pending { now: "true 3.2s of 10s".to_owned() })),
                    claim("customers-suffer", Role::AbortIf, None),
                    claim("success", Role::SteadyState, Some(failed)),
                ],
                faults: vec![FaultProgress { step: "payments-slow".parse().unwrap(), instances: Some(2) }],
            },
        );
        assert_eq!(screen.head.message(), "12.3s method, at most 1 min 5 s left");
        assert_eq!(screen.faults.message(), "FAULT ON: payments-slow on 2 instances");
        let claims: Vec<String> = screen.claims.iter().map(ProgressBar::message).collect();
        assert_eq!(claims, ["… breaker-opens  true 3.2s of 10s", "✗ success        failed: it was 0.91"]);
    }
}
