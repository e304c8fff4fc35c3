//! JSON Schema of the kinds, for editors and for machines that write experiments.
//!
//! It says which keys exist and what values look like. What needs more than one key to be judged (one
//! source, a window that is not empty) is said by `check` alone.

use super::document::Document;
use super::experiment::ExperimentSpec;
use super::gates::{GameDaySpec, RunSpec, ScheduleSpec, SuiteSpec};
use super::inventory::InventorySpec;
use super::read::DocumentKind;
use super::settings::SettingsFile;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

/// The schema of one kind of document.
pub fn schema(kind: DocumentKind) -> Value {
    let mut schema = match kind {
        DocumentKind::Experiment => of::<Document<ExperimentSpec>>(),
        DocumentKind::Suite => of::<Document<SuiteSpec>>(),
        DocumentKind::Schedule => of::<Document<ScheduleSpec>>(),
        DocumentKind::GameDay => of::<Document<GameDaySpec>>(),
        DocumentKind::Run => of::<Document<RunSpec>>(),
        DocumentKind::Inventory => of::<Document<InventorySpec>>(),
    };
    schema["title"] = json!(kind.word());
    schema["properties"]["apiVersion"] = json!({"const": "squall.dev/v1"});
    schema["properties"]["kind"] = json!({"const": kind.word()});
    schema
}

/// The schema of every kind: a document matches exactly one.
pub fn all_schemas() -> Value {
    let mut definitions = serde_json::Map::new();
    let mut one_of = Vec::new();
    for kind in DocumentKind::ALL {
        let mut schema = schema(kind);
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("$schema");
            // One name is one thing in all kinds: they are made from the same types.
            if let Some(Value::Object(own)) = fields.remove("$defs") {
                definitions.extend(own);
            }
        }
        definitions.insert(kind.word().to_owned(), schema);
        one_of.push(json!({"$ref": format!("#/$defs/{}", kind.word())}));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Squall",
        "oneOf": one_of,
        "$defs": definitions,
    })
}

/// The schema of `squall.yaml`.
pub fn settings_schema() -> Value {
    of::<SettingsFile>()
}

fn of<T: JsonSchema>() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
    without_null(&mut schema);
    schema
}

/// A key may be left out, but never be empty; to serde, and so to schemars, that is one and the same.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(fields) => {
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|one| one != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    fields.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(words)) = fields.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    fields.remove("anyOf");
                    fields.extend(only);
                }
            }
            fields.values_mut().for_each(without_null);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
