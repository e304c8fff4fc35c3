//! The programs the lab runs but does not build: Prometheus, HAProxy, and the tools `ip`, `tc` and `nft`.
//!
//! A program comes from PATH, so worlds with another version of it are `PATH=/folder/of/it:$PATH lab up ...`, and so
//! are tests: Prometheus 3.x, say. Where it is not there, and the machine is Debian-like, its package and the shared
//! libraries it lacks are downloaded with `apt-get download` and unpacked with `dpkg -x` into
//! `target/lab-programs/`. Nothing is installed, enabled or started on the user's machine, and no root is
//! needed, not even for the package lists.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The programs a world may need, with the Debian package that has each.
const PACKAGES: [(&str, &str); 2] = [("prometheus", "prometheus"), ("haproxy", "haproxy")];

/// The tools that worlds are built and looked at with, likewise. They are called by name, so those that were
/// unpacked are put into [`tools_folder`].
const TOOLS: [(&str, &str); 3] = [("ip", "iproute2"), ("tc", "iproute2"), ("nft", "nftables")];

/// A program that can be started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The file to execute.
    pub path: PathBuf,
    /// Where its shared libraries are, as `LD_LIBRARY_PATH` has it: only for programs we unpacked ourselves.
    pub libraries: Option<PathBuf>,
}

/// The programs found or fetched.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The metrics store.
    pub prometheus: Program,
    /// The load balancer.
    pub haproxy: Program,
    /// Builds networks.
    pub ip: PathBuf,
}

impl Programs {
    /// Finds every program, and fetches those that are missing. Safe to call from many processes at once.
    pub fn fetch() -> Result<Self> {
        let [prometheus, haproxy] = PACKAGES.map(|(name, package)| find_or_fetch(name, package));
        let [ip, tc, nft] = TOOLS.map(|(name, package)| find_or_fetch(name, package).and_then(|it| by_name(name, &it)));
        // Called by name.
        let (_, _) = (tc?, nft?);
        Ok(Self { prometheus: prometheus?, haproxy: haproxy?, ip: ip? })
    }
}

/// Where tools are that had to be unpacked, to be called by name: for PATH.
pub fn tools_folder() -> Result<PathBuf> {
    Ok(store()?.join("bin"))
}

/// Makes a tool that was unpacked callable by its name alone, without its libraries in anybody else's way.
fn by_name(name: &str, tool: &Program) -> Result<PathBuf> {
    let Some(libraries) = &tool.libraries else { return Ok(tool.path.clone()) };
    let folder = tools_folder()?;
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let (script, draft) = (folder.join(name), folder.join(format!("{name}.{}", std::process::id())));
    let (libraries, program) = (libraries.display(), tool.path.display());
    let text = format!("#!/bin/sh\nLD_LIBRARY_PATH='{libraries}' exec '{program}' \"$@\"\n");
    let write = || {
        fs::write(&draft, text)?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755))?;
        fs::rename(&draft, &script)
    };
    write().with_context(|| format!("write {}", script.display()))?;
    Ok(script)
}

/// Where what was downloaded is unpacked.
fn store() -> Result<PathBuf> {
    let profile = binaries_folder()?;
    Ok(profile.parent().context("find the target directory")?.join("lab-programs"))
}

/// The `lab` binary: this program itself, or its sibling in the target directory when asked from a test.
pub fn lab_binary() -> Result<PathBuf> {
    sibling_binary("lab")
}

/// A binary of this workspace, as built beside the running one.
pub fn sibling_binary(name: &str) -> Result<PathBuf> {
    let folder = binaries_folder()?;
    let path = folder.join(name);
    ensure!(path.exists(), "no `{name}` in {}: build it first with `cargo build --bin {name}`", folder.display());
    Ok(path)
}

/// `target/debug` or `target/release`, whichever the running program is from.
fn binaries_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().context("find the running program")?;
    let folder = program.parent().context("find the folder of the running program")?;
    // Tests run from `target/PROFILE/deps/`.
    let in_deps = folder.file_name().is_some_and(|name| name == "deps");
    Ok(if in_deps { folder.parent().unwrap_or(folder) } else { folder }.to_owned())
}

fn find_or_fetch(name: &str, package: &str) -> Result<Program> {
    if let Some(path) = on_path(name) {
        return Ok(Program { path, libraries: None });
    }
    let store = store()?;
    let root = store.join(name);
    if let Some(program) = unpacked(name, &root) {
        return Ok(program);
    }
    fs::create_dir_all(&store).with_context(|| format!("create {}", store.display()))?;
    // Parallel tests wait here for whoever came first.
    let lock = File::create(store.join("lock")).context("create the lock of the lab's programs")?;
    lock.lock().context("lock the lab's programs")?;
    if let Some(program) = unpacked(name, &root) {
        return Ok(program);
    }
    // Unpacked beside and renamed at the end: half a program is never taken for a whole one.
    let unpacking = store.join(format!("{name}.unpacking"));
    let _ = fs::remove_dir_all(&unpacking);
    Apt::ready_for(package, &store)
        .and_then(|apt| unpack_with_libraries(&apt, name, package, &unpacking))
        .with_context(|| {
            format!(
                "fetch {name}: it is not on PATH, and package `{package}` could not be unpacked; where there is no \
                 apt-get, install what has `{name}`"
            )
        })?;
    fs::rename(&unpacking, &root).with_context(|| format!("move {name} into place"))?;
    unpacked(name, &root).with_context(|| format!("package `{package}` has no program `{name}`"))
}

/// The program in a folder that a package was unpacked into.
fn unpacked(name: &str, root: &Path) -> Option<Program> {
    let folders = ["usr/bin", "usr/sbin", "bin", "sbin"];
    let path = folders.map(|folder| root.join(folder).join(name)).into_iter().find(|p| p.is_file())?;
    Some(Program { path, libraries: Some(library_path(root)) })
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Debian keeps haproxy and nft in folders that an ordinary user's PATH lacks.
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|p| p.is_file())
}

fn unpack_with_libraries(apt: &Apt, name: &str, package: &str, root: &Path) -> Result<()> {
    apt.unpack(package, root)?;
    let program = unpacked(name, root).with_context(|| format!("package `{package}` has no program `{name}`"))?;
    let binary = program.path;

    let mut seen = BTreeSet::from([package.to_owned()]);
    let mut waiting = vec![package.to_owned()];
    let mut missing = missing_libraries(&binary, root)?;
    while let Some(next) = waiting.pop().filter(|_| !missing.is_empty()) {
        for library in apt.library_dependencies(&next)? {
            if seen.insert(library.clone()) && !is_installed(&library)? {
                apt.unpack(&library, root)?;
                waiting.push(library);
            }
        }
        missing = missing_libraries(&binary, root)?;
    }
    ensure!(missing.is_empty(), "shared libraries still missing: {}", missing.join(", "));
    Ok(())
}

/// Debian's package tools, with the machine's package lists, or with lists of our own where it has none.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// Tools that know `package`. Needs no root: lists of our own are kept in `store`.
    fn ready_for(package: &str, store: &Path) -> Result<Self> {
        let machine = Self { options: Vec::new() };
        if machine.knows(package) {
            return Ok(machine);
        }
        let state = store.join("apt");
        fs::create_dir_all(state.join("lists/partial")).with_context(|| format!("create {}", state.display()))?;
        fs::create_dir_all(state.join("cache/archives/partial")).context("create a cache for apt")?;
        let option = |key: &str, folder: &str| ["-o".to_owned(), format!("{key}={}", state.join(folder).display())];
        let own = Self { options: [option("Dir::State::Lists", "lists"), option("Dir::Cache", "cache")].concat() };
        if !own.knows(package) {
            eprintln!("lab: this machine has no package lists: fetching them into {}", state.display());
            succeed(own.command("apt-get").args(["-q", "update"]))?;
        }
        Ok(own)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // As root, apt would become `_apt` for downloads, who may not write into our folders.
        command.args(["-o", "APT::Sandbox::User=root"]).args(&self.options);
        command
    }

    fn knows(&self, package: &str) -> bool {
        succeed(self.command("apt-cache").args(["show", "--no-all-versions", package])).is_ok()
    }

    fn unpack(&self, package: &str, root: &Path) -> Result<()> {
        let downloads = root.with_extension("packages");
        let _ = fs::remove_dir_all(&downloads);
        fs::create_dir_all(&downloads).with_context(|| format!("create {}", downloads.display()))?;
        eprintln!("lab: fetching package {package} (apt-get download, unpacked into {})", root.display());
        succeed(self.command("apt-get").args(["-q", "download", package]).current_dir(&downloads))?;
        for entry in fs::read_dir(&downloads).context("list the downloaded packages")? {
            let archive = entry.context("list the downloaded packages")?.path();
            succeed(Command::new("dpkg").arg("-x").arg(&archive).arg(root))?;
        }
        fs::remove_dir_all(&downloads).with_context(|| format!("remove {}", downloads.display()))
    }

    /// Libraries a package depends on directly. Script libraries (`libjs-...`) are of no use to a loader.
    fn library_dependencies(&self, package: &str) -> Result<Vec<String>> {
        let output = succeed(self.command("apt-cache").args(["depends", package]))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(names.filter(|name| name.starts_with("lib") && !name.starts_with("libjs-")).map(str::to_owned).collect())
    }
}

/// The names of shared libraries that the dynamic loader would not find.
fn missing_libraries(binary: &Path, root: &Path) -> Result<Vec<String>> {
    let output = succeed(Command::new("ldd").arg(binary).env("LD_LIBRARY_PATH", library_path(root)))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| Some(line.trim().strip_suffix(" => not found")?.to_owned())).collect())
}

fn is_installed(package: &str) -> Result<bool> {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Abbrev}", package]).output();
    let output = output.context("ask dpkg-query what is installed")?;
    Ok(String::from_utf8_lossy(&output.stdout).starts_with("ii"))
}

/// For `LD_LIBRARY_PATH`: older packages put libraries into `/lib`.
fn library_path(root: &Path) -> PathBuf {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let folders = ["usr/lib", "lib"].map(|folder| root.join(folder).join(&triplet).display().to_string());
    PathBuf::from(folders.join(":"))
}

fn succeed(command: &mut Command) -> Result<Output> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output)
}
