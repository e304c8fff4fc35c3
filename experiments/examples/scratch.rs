//! scratch
use squall_experiments::{text::*, written::*};
fn main() {
    let size = 256 * 1024;
    let head = "apiVersion: squall.dev/v1\nkind: Experiment\nmetadata: {name: a}\nspec:\n  title: a\n  expect:\n";
    let full = |unit: &str| unit.repeat(size / unit.len());
    let inside = |unit: &str| format!("{head}{}", unit.repeat((size - head.len()) / unit.len()));
    for text in [full("- a\n"), full("a: >= 1\n"), full("a: !x 1\n"), full("{a: (, "), full("{\"a\": [1, "), full("#"), full("---\n"), full("a: |\n  b\n"), full("\"\\"), full("é"),
        inside("    - {name: a, query: up, is: 1}\n"), inside("    - {nam: a, qury: up, iss: >= 1}\n")] {
        let start = std::time::Instant::now();
        let files = [SourceFile { path: "a".into(), text }];
        let (_, problems) = read(&files, &Parameters::default(), Purpose::Run);
        eprintln!("{:?} read {:?} {} problems", &files[0].text[..8.min(files[0].text.len())], start.elapsed(), problems.len());
        render(&problems, &files, false, 100);
        eprintln!("render {:?}", start.elapsed());
        to_json(&problems, &files);
        eprintln!("json {:?}", start.elapsed());
        let (_, problems) = read_settings(&files[0]);
        render(&problems, &files, false, 100);
        eprintln!("settings {:?}", start.elapsed());
    }
}
