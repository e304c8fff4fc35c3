//! A folder with an inventory of one living process, an agent of its own, and `squall` in it.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends with its process and its agent.
pub struct World {
    folder: tempfile::TempDir,
    victim: Child,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let victim = Command::new("sleep").arg("600").spawn().unwrap();
        let world = Self { folder, victim };
        world.write("victim.pid", &world.victim.id().to_string());
        let pidfile = world.path("victim.pid");
        world.write(
            "inventory.yaml",
            &format!(
                "apiVersion: squall.dev/v1\nkind: Inventory\nmetadata: {{name: here}}\nspec:\n  instances:\n    \
                 - name: victim\n      labels: {{app: victim}}\n      process: {{pidfile: {}}}\n",
                pidfile.display()
            ),
        );
        world.write("squall.yaml", "history: state\n");
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    pub fn victim(&self) -> u32 {
        self.victim.id()
    }

    pub fn kill_victim(&mut self) {
        self.victim.kill().unwrap();
        self.victim.wait().unwrap();
    }

    /// The letter in `/proc/PID/stat`: `S` sleeps, `t` is held.
    pub fn state_of_victim(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.victim())).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    }

    /// Every run's page below a folder of reports.
    pub fn reports_in(&self, name: &str) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(self.path(name)).unwrap().map(|entry| entry.unwrap().path());
        folders.map(|folder| folder.join("report.html")).filter(|page| page.exists()).collect()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("SQUALL_AGENT_STATE", self.path("agent"))
            .env_remove("SQUALL_SETTINGS")
            .stdin(Stdio::null());
        command
    }

    pub fn squall(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().unwrap())
    }

    /// Begins a run and reads what it says until a phase has begun.
    pub fn begin(&self, arguments: &[&str], phase: &str) -> Running {
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            said.push_str(&line);
            said.push('\n');
            if line.contains(&format!("{phase}: ")) {
                // The rest is read, or a full pipe would stop it.
                let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
                return Running { child, said, rest };
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("`{phase}` never began:\n{said}");
    }

    pub fn agent_process(&self) -> Option<u32> {
        squall_agent::state::StateFolder::at(self.path("agent")).agent().map(|(process, _)| process)
    }

    /// Adds a load that ignores SIGTERM and says its number, and its undo.
    pub fn add_load(&self, name: &str) {
        let file = format!("{name}.yaml");
        let text = std::fs::read_to_string(self.path(&file)).unwrap();
        let command = r#"trap '' TERM; echo $$ > load.pid.new; mv load.pid.new load.pid; sleep 600"#;
        let prepare = format!(
            "  prepare:\n    - name: load\n      perform:\n        exec:\n          command:\n            - sh\n            \
             - -c\n            - \"{command}\"\n      undo:\n        - exec: {{command: [touch, undone]}}\n  method:\n"
        );
        self.write(&file, &text.replace("  method:\n", &prepare));
    }

    pub fn load(&self) -> u32 {
        std::fs::read_to_string(self.path("load.pid")).unwrap().trim().parse().unwrap()
    }

    /// An experiment that holds the victim.
    pub fn pause(&self, name: &str, length: &str) {
        self.write(
            &format!("{name}.yaml"),
            &format!(
                "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {{name: {name}}}\nspec:\n  \
                 title: the victim stands still and this host goes on\n  method:\n    - name: hold\n      \
                 inject: {{pause: {{}}}}\n      into: {{labels: {{app: victim}}}}\n      for: {length}\n  \
                 expect:\n    - name: host-goes-on\n      exec: {{command: [\"true\"]}}\n      every: 500ms\n      \
                 is: 0\n      during: hold\n  limits: {{maxPercent: 100%, keepAtLeast: 0}}\n"
            ),
        );
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ended_before = self.victim.kill();
        let _waited = self.victim.wait();
        if let Some(process) = self.agent_process() {
            signal(process, Signal::KILL);
        }
    }
}

/// Whether a process of this number lives.
pub fn lives(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub fn signal(process: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    let _gone = kill_process(pid, signal);
}

/// Looks again until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}: not in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A run that goes on.
pub struct Running {
    pub child: Child,
    said: String,
    rest: std::thread::JoinHandle<String>,
}

impl Running {
    pub fn signal(&self, which: Signal) {
        signal(self.child.id(), which);
    }

    pub fn end(self) -> Said {
        let output = self.child.wait_with_output().unwrap();
        let mut said = Said::of(output);
        said.stderr = self.said + &self.rest.join().unwrap();
        said
    }
}

/// What a command said and exited with.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn exits(self, code: i32, words: &str) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        // A report folds its lines.
        let unfolded = all.split_whitespace().collect::<Vec<_>>().join(" ");
        let says = all.contains(words) || unfolded.contains(words);
        assert!(self.code == Some(code) && says, "wanted {code} and `{words}`: {self:#?}");
        self
    }
}

pub fn is_there(path: &Path) -> bool {
    path.exists()
}
