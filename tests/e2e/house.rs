//! The house stands as designed: five crates, these arrows and no other.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Who knows whom, and nobody else in the workspace: each arrow stands in design. Each is there too, but those of the
/// tests, which meet the others as their users do: as programs.
const ARROWS: [(&str, &[&str]); 5] = [
    ("squall-experiments", &[]),
    ("squall-agent", &["squall-experiments"]),
    ("squall-reports", &["squall-experiments"]),
    ("squall", &["squall-agent", "squall-experiments", "squall-reports"]),
    ("squall-tests", &["squall", "squall-agent", "squall-experiments", "squall-reports"]),
];

/// The crate that need not know whom it may.
const TESTS: &str = "squall-tests";

/// What a crate must never know, directly.
const NEVER: [(&str, &[&str]); 4] = [
    ("squall-experiments", &["tokio", "kube", "nix", "rustix", "reqwest", "rand", "rusqlite", "tonic"]),
    ("squall-agent", &["kube", "reqwest", "granit-parser", "promql-parser", "rusqlite"]),
    ("squall-reports", &["tokio", "reqwest", "tonic", "rusqlite", "nix", "rustix"]),
    ("squall", &["nix"]),
];

/// What a dependency is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Product,
    TestsAndBuild,
}

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs: it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Each member's own dependencies, by name: of its product, or of its tests and build.
fn dependencies(of: Of) -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value =
        serde_json::from_slice(&cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]))
            .expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().expect("cargo writes names as text").to_owned();
    metadata["packages"]
        .as_array()
        .expect("packages are a list")
        .iter()
        .map(|package| {
            let known = package["dependencies"].as_array().expect("dependencies are a list").iter();
            let known = known.filter(|dependency| dependency["kind"].is_null() == (of == Of::Product));
            (text(&package["name"]), known.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

#[test]
fn crates_know_each_other_only_as_designed() {
    let found = dependencies(Of::Product);
    let for_tests = dependencies(Of::TestsAndBuild);
    let members: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(members, ARROWS.iter().map(|(name, _)| *name).collect(), "the five crates");
    for (name, allowed) in ARROWS {
        let ours = |known: &BTreeSet<String>| -> BTreeSet<String> {
            known.iter().filter(|known| members.contains(known.as_str())).cloned().collect()
        };
        let designed: BTreeSet<String> = allowed.iter().map(|&known| known.to_owned()).collect();
        let known = ours(&found[name]);
        assert!(known.is_subset(&designed), "{name} knows {known:?}, may know {designed:?}");
        assert!(name == TESTS || known == designed, "{name} should know {designed:?}, knows {known:?}");
        // A test may know less than its crate, and nobody else: an arrow is one for tests too.
        let tests = ours(&for_tests[name]);
        assert!(tests.is_subset(&designed), "the tests of {name} know {tests:?}, may know {designed:?}");
    }
    for (name, never) in NEVER {
        for stranger in never {
            assert!(!found[name].contains(*stranger), "{name} must never know {stranger}");
        }
    }
}

#[test]
fn the_agent_takes_the_vocabulary_without_the_language() {
    let tree = String::from_utf8(cargo(&["tree", "-p", "squall-agent", "-e", "normal", "--offline"]))
        .expect("cargo writes UTF-8");
    for stranger in ["granit-parser", "promql-parser", "schemars", "kube", "reqwest"] {
        assert!(!tree.contains(&format!("{stranger} v")), "the agent drags in {stranger}");
    }
}

/// Everything that git keeps; nothing where this is no checkout.
fn committed() -> Option<String> {
    let listed =
        Command::new("git").args(["ls-files"]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).output();
    let listed = listed.ok().filter(|listed| listed.status.success() && !listed.stdout.is_empty());
    if listed.is_none() {
        eprintln!("skipped: this is no git checkout");
    }
    listed.map(|listed| String::from_utf8(listed.stdout).expect("paths are UTF-8"))
}

/// Whoever looks for code finds it in the file that is named for it.
#[test]
fn a_module_that_only_names_others_holds_no_code_of_its_own() {
    let Some(listed) = committed() else { return };
    let roots: Vec<&str> =
        listed.lines().filter(|path| path.ends_with("/mod.rs") || path.ends_with("/lib.rs")).collect();
    assert!(roots.len() > 20, "{roots:?}");
    for path in roots {
        let text = std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR")))
            .expect("what is committed can be read");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//") && !line.starts_with('#'));
        let code = code.collect::<Vec<_>>().join("\n");
        for item in code.split(';').map(str::trim).filter(|item| !item.is_empty()) {
            let own = item.strip_prefix("pub").map_or(item, |rest| {
                rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest)
            });
            let names_others = ["mod ", "use "].iter().any(|word| own.trim_start().starts_with(word));
            assert!(names_others, "{path}: {item}");
        }
    }
}

#[test]
fn the_top_level_holds_what_it_should_and_nothing_else() {
    let Some(listed) = committed() else { return };
    let top: BTreeSet<&str> = listed.lines().map(|path| path.split('/').next().expect("split yields one")).collect();
    let expected = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "agent",
        "experiments",
        "justfile",
        "reports",
        "runner",
        "tests",
    ];
    let strangers: Vec<_> = top.iter().filter(|name| !name.starts_with('.') && !expected.contains(name)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}
