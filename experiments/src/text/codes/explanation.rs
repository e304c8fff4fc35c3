//! What a code means, with an example that has the problem and the same without it.

use super::{Code, claims, files, names, queries, steps};
use std::fmt;

/// A code, explained.
#[derive(Debug, Clone, Copy)]
pub struct Explanation {
    /// The code.
    pub code: Code,
    /// Why it is a problem and what to do, in a few sentences.
    pub why: &'static str,
    /// Where the examples belong.
    pub scaffold: Scaffold,
    /// An example with the problem; empty where it cannot be shown as text.
    pub wrong: &'static str,
    /// The same without it.
    pub right: &'static str,
}

/// Where an example belongs, so that it can be read like any file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaffold {
    /// It is a whole file.
    File,
    /// Keys of an experiment's `spec`.
    Spec,
    /// Steps of its `method`.
    Method,
    /// Claims of its `expect`.
    Expect,
    /// Instances of an inventory.
    Instances,
}

/// Explains a code, given as `SQ0010`.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    let code = Code::find(code)?;
    all().find(|explanation| explanation.code == code)
}

pub(super) fn all() -> impl Iterator<Item = &'static Explanation> {
    [files::FILES, names::NAMES, steps::STEPS, claims::CLAIMS, queries::QUERIES].into_iter().flatten()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} ({})\n\n{}", self.code, self.code.title(), self.code.severity(), self.why)?;
        for (title, example) in [("Wrong", self.wrong), ("Right", self.right)] {
            if !example.is_empty() {
                let indented: Vec<String> =
                    example.lines().map(|line| format!("    {line}").trim_end().to_owned()).collect();
                writeln!(f, "\n{title}:\n\n{}", indented.join("\n"))?;
            }
        }
        Ok(())
    }
}

impl Scaffold {
    /// A whole file that holds the example.
    pub fn around(self, example: &str) -> String {
        let indented = |width: usize| -> String {
            example
                .lines()
                .map(|line| format!("{}{line}\n", " ".repeat(if line.is_empty() { 0 } else { width })))
                .collect()
        };
        let head = "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: example}\nspec:\n  title: It works\n";
        let steady = "  steadyState:\n    - {name: steady, query: max(up), is: 1}\n";
        let method = "  method:\n    - name: cut\n      inject: {network: {partition: true}}\n      into: {namespace: shop}\n      for: 30s\n";
        let expect = "  expect:\n    - name: opens\n      query: max(breaker_open)\n      becomes: 1\n      within: 5s\n      after: cut.start\n";
        match self {
            Self::File => example.to_owned(),
            Self::Spec => format!("{head}{steady}{}{method}{expect}", indented(2)),
            Self::Method => format!("{head}{steady}{method}{}{expect}", indented(4)),
            Self::Expect => format!("{head}{steady}{method}{expect}{}", indented(4)),
            Self::Instances => format!(
                "apiVersion: squall.dev/v1\nkind: Inventory\nmetadata: {{name: example}}\nspec:\n  nodes:\n    - {{name: one}}\n  instances:\n{}",
                indented(4)
            ),
        }
    }
}
