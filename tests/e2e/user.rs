//! Somebody who uses `squall` in a world: with settings and a history of their own, so that several of them can be
//! in one world and not meet but at its agent.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use nix::unistd::Pid;
use serde_json::Value;
use squall_tests::blueprint::PROMETHEUS;
use squall_tests::{Running, World};

use crate::eventually;

/// Longer than any run here.
const RUN_WITHIN: Duration = Duration::from_secs(180);

/// A user of `squall`.
pub struct User<'world> {
    world: &'world World,
    name: String,
    prometheus: String,
    history: PathBuf,
    inventory: String,
}

/// A run that is over.
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
    /// Its report, if there is one.
    pub report: Option<Value>,
}

/// A run that goes on.
pub struct Going<'user> {
    user: &'user User<'user>,
    pub process: Running,
}

impl<'world> User<'world> {
    /// Somebody in a world, asking its Prometheus.
    pub fn of(world: &'world World, name: &str) -> Self {
        let history = world.directory().join(format!("history-{name}"));
        let inventory = world.directory().join("inventory.yaml").display().to_string();
        let prometheus = format!("http://{PROMETHEUS}");
        Self { world, name: name.to_owned(), prometheus, history, inventory }
    }

    /// Where it is.
    pub fn world(&self) -> &'world World {
        self.world
    }

    /// Asking another Prometheus.
    pub fn asking(self, url: &str) -> Self {
        Self { prometheus: url.to_owned(), ..self }
    }

    /// With the history in another folder.
    pub fn remembering_in(self, history: PathBuf) -> Self {
        Self { history, ..self }
    }

    /// With another inventory.
    pub fn on(self, inventory: &str) -> Self {
        Self { inventory: inventory.to_owned(), ..self }
    }

    /// The words of a command of `squall`, with this user's settings written.
    pub fn words(&self, words: &[&str]) -> Vec<String> {
        let Self { prometheus, inventory, .. } = self;
        let settings = format!(
            "prometheus: {{url: \"{prometheus}\"}}\nplatforms:\n  lab: {{inventory: \"{inventory}\"}}\n\
             history: \"{}\"\nconfirm: never\nallow: [exec, irreversible]\n",
            self.history.display()
        );
        let settings = self.world.write(&format!("squall-{}.yaml", self.name), &settings).unwrap();
        let mut all = vec!["squall".to_owned()];
        all.extend(words.iter().map(|word| (*word).to_owned()));
        all.extend(["--settings".to_owned(), settings.display().to_string()]);
        all
    }

    /// Runs a command of `squall` to its end.
    pub fn squall(&self, words: &[&str]) -> Output {
        self.world.run(self.words(words)).unwrap()
    }

    /// Writes an experiment where this user finds it.
    pub fn writes(&self, text: &str) -> String {
        self.world.write(&format!("{}.yaml", self.name), text).unwrap().display().to_string()
    }

    fn report(&self) -> PathBuf {
        self.world.directory().join(format!("report-{}.json", self.name))
    }

    /// Starts `squall run` with these words.
    pub fn starts(&self, words: &[&str]) -> Going<'_> {
        drop(fs::remove_file(self.report()));
        let report = self.report().display().to_string();
        let words = [&["run"], words, &["--json", &report]].concat();
        Going { user: self, process: self.world.spawn(self.words(&words)).unwrap() }
    }

    /// `squall run` with these words, to its end.
    pub fn runs(&self, words: &[&str]) -> Ran {
        self.starts(words).ends()
    }
}

/// The agent of a world's one node, as a process number seen from here.
pub fn agent(world: &World) -> Option<Pid> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let of_the_world = namespace(&world.first_process().to_string());
    let is_it = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = words.split(|byte| *byte == 0).collect();
        words.get(1..3) == Some(&[b"agent".as_slice(), b"serve"]) && namespace(&pid.to_string()) == of_the_world
    };
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(is_it).max().map(Pid::from_raw)
}

impl Going<'_> {
    /// Waits until it says a text on stderr.
    #[track_caller]
    pub fn says(&mut self, text: &str, within: Duration) {
        let name = &self.user.name;
        eventually(&format!("{name}: squall says `{text}`"), within, || {
            let said = self.process.stderr().unwrap();
            if said.contains(text) {
                return true;
            }
            let is_over = self.process.is_over().unwrap();
            assert!(!is_over, "{name}: squall ended without saying `{text}`; it said:\n{said}");
            false
        });
    }

    /// Waits until a fault is on.
    #[track_caller]
    pub fn hurts(&mut self) {
        self.says("fault on:", Duration::from_secs(60));
    }

    /// Waits for its end.
    pub fn ends(mut self) -> Ran {
        let output = self.process.wait(RUN_WITHIN).unwrap();
        let report = fs::read(self.user.report()).ok().map(|text| serde_json::from_slice(&text).unwrap());
        let ran = Ran::of(&output, report);
        eprintln!("== {} ended with {}\n{}{}", self.user.name, ran.code, ran.stderr, ran.stdout);
        ran
    }
}

impl Ran {
    /// What a command left.
    pub fn of(output: &Output, report: Option<Value>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap();
        Self { code, stdout: text(&output.stdout), stderr: text(&output.stderr), report }
    }

    /// The report; the run must have left one.
    #[track_caller]
    pub fn report(&self) -> &Value {
        self.report.as_ref().expect("the run left a report")
    }

    /// What became of a claim: `passed`, `failed`, `inconclusive`, `error`.
    #[track_caller]
    pub fn outcome(&self, claim: &str) -> &str {
        let claims = self.report()["claims"].as_array().unwrap();
        let found = claims.iter().find(|found| found["name"] == claim).unwrap_or_else(|| panic!("no claim `{claim}`"));
        found["outcome"].as_str().unwrap()
    }

    /// The reasons of the verdict, in one text.
    #[track_caller]
    pub fn reasons(&self) -> String {
        let reasons = self.report()["reasons"].as_array().unwrap().iter();
        reasons.map(|reason| reason.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    /// What it said to whoever watched, and the reasons of its verdict, whole: a terminal's lines are wrapped.
    pub fn said(&self) -> String {
        let reasons = if self.report.is_some() { self.reasons() } else { String::new() };
        format!("{}\n{reasons}", self.stderr)
    }

    /// It must have ended with this code.
    #[track_caller]
    pub fn ended_with(&self, code: i32, why: &str) {
        assert_eq!(self.code, code, "{why}\n{}{}", self.stderr, self.stdout);
    }
}
