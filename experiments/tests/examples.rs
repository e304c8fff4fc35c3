//! The examples of the language's reference, and every ready experiment, are read without errors.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use squall_experiments::text::{SourceFile, render};
use squall_experiments::written::{
    DocumentKind, Documents, Parameters, Purpose, all_schemas, read, read_settings, schema, settings_schema,
};
use std::path::{Path, PathBuf};

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

#[expect(clippy::disallowed_methods, reason = "a test reads its inputs")]
fn source(path: &Path) -> SourceFile {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    SourceFile::from_bytes(name, &std::fs::read(path).unwrap()).unwrap()
}

fn readable(path: &Path) -> Documents {
    let file = source(path);
    let (documents, problems) = read(std::slice::from_ref(&file), &Parameters::default(), Purpose::Check);
    let errors: Vec<_> = problems.into_iter().filter(|problem| problem.is_error()).collect();
    assert!(errors.is_empty(), "{}", render(&errors, &[file], false, 100));
    documents
}

#[test]
fn examples_and_catalogue_are_read_without_errors() {
    let examples = yaml_files("tests/examples");
    assert_eq!(examples.len(), 3);
    for path in examples.iter().chain(&yaml_files("catalog")) {
        let documents = readable(path);
        assert!(!documents.experiments.is_empty(), "{}", path.display());
    }
}

#[test]
fn what_can_be_carried_out_becomes_an_experiment() {
    let documents =
        readable(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples/slow-payments-opens-breaker.yaml"));
    let experiment = documents.experiments[0].experiment.as_ref().unwrap();
    assert_eq!(experiment.name.as_str(), "slow-payments-opens-breaker");
    assert_eq!(experiment.method.len(), 1);
    assert_eq!(experiment.expect.len(), 4);
    let documents =
        readable(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples/lost-primary-is-replaced.yaml"));
    let experiment = documents.experiments[0].experiment.as_ref().unwrap();
    assert_eq!(experiment.steps().iter().map(|step| step.id.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(experiment.prepare[0].0.0, 0);
}

#[test]
fn what_comes_later_is_noted_by_check_and_refused_by_run() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples/release-gate.yaml");
    let documents = readable(&path);
    assert_eq!(documents.experiments[0].not_yet, ["the source `kubernetes`"]);
    assert!(documents.experiments[0].experiment.is_none());
    let kinds: Vec<_> = documents.others.iter().map(|other| other.kind).collect();
    assert_eq!(kinds, [DocumentKind::Suite, DocumentKind::Schedule]);
    let file = source(&path);
    let (_, problems) = read(std::slice::from_ref(&file), &Parameters::default(), Purpose::Run);
    insta::assert_snapshot!(render(&problems, &[file], false, 100));
}

/// YAML -> JSON by our own rules: what is text for us is text for a validator.
fn json_documents(path: &Path) -> Vec<serde_json::Value> {
    squall_experiments::text::to_values(&source(path)).unwrap()
}

#[test]
fn the_schema_accepts_examples_and_catalogue() {
    let whole = jsonschema::validator_for(&all_schemas()).unwrap();
    for path in yaml_files("tests/examples").iter().chain(&yaml_files("catalog")) {
        for document in json_documents(path) {
            let kind = document["kind"].as_str().unwrap().to_owned();
            let kind = DocumentKind::ALL.into_iter().find(|known| known.word() == kind).unwrap();
            let own = jsonschema::validator_for(&schema(kind)).unwrap();
            let errors: Vec<String> =
                own.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
            assert!(whole.is_valid(&document), "{}", path.display());
        }
    }
}

#[test]
fn the_schema_refuses_what_is_misspelt_or_missing() {
    let mut document =
        json_documents(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples/slow-payments-opens-breaker.yaml"))
            .remove(0);
    let validator = jsonschema::validator_for(&schema(DocumentKind::Experiment)).unwrap();
    assert!(validator.is_valid(&document));
    let mut misspelt = document.clone();
    misspelt["spec"]["expect"][0]["witin"] = "5s".into();
    assert!(!validator.is_valid(&misspelt));
    let mut empty = document.clone();
    empty["spec"]["recoverWithin"] = serde_json::Value::Null;
    assert!(!validator.is_valid(&empty));
    document["spec"].as_object_mut().unwrap().remove("method");
    assert!(!validator.is_valid(&document));
}

#[test]
fn the_schema_is_as_published() {
    insta::assert_json_snapshot!("schema", all_schemas());
}

#[test]
fn the_schema_of_settings_accepts_what_the_reader_accepts_and_refuses_a_slip() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples/settings/squall.yaml");
    let (settings, problems) = read_settings(&source(&path), Purpose::Check);
    assert!(settings.is_some(), "{}", render(&problems, &[source(&path)], false, 100));
    let document = json_documents(&path).remove(0);
    let schema = settings_schema();
    let keys = schema["properties"].as_object().unwrap();
    let unshown: Vec<_> = keys.keys().filter(|key| document.get(key).is_none()).collect();
    assert!(unshown.is_empty(), "the example shows every key: {unshown:?}");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for (key, wrong) in [
        ("promteheus", serde_json::json!({"url": "http://p:9090"})),
        ("prometheus", serde_json::json!({"bearerTokenFile": "token"})),
        ("confirm", "perhaps".into()),
        ("allow", serde_json::json!(["exce"])),
        ("platforms", serde_json::json!(["hosts"])),
    ] {
        let mut document = document.clone();
        document[key] = wrong;
        assert!(!validator.is_valid(&document), "{key}");
    }
    assert!(!validator.is_valid(&serde_json::json!(["prometheus"])));
}
