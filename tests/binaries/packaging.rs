//! What cargo-lambda would take for a function: any binary of what it builds. So it is
//! told the package, and that holds the functions and nothing else.

use baton_local::template::Template;
use baton_tests::built::{self, PACKAGE};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Names of a package's targets of a kind.
fn targets(package: &Value, kind: &str) -> BTreeSet<String> {
    let targets = package["targets"].as_array().expect("targets");
    let of_kind = targets.iter().filter(|target| {
        target["kind"]
            .as_array()
            .is_some_and(|kinds| kinds.contains(&kind.into()))
    });
    of_kind
        .filter_map(|target| target["name"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn the_functions_package_holds_the_functions_and_nothing_else() {
    let metadata = built::metadata().expect("cargo can tell");
    let template = Template::builtin().expect("a template");
    let functions: BTreeSet<String> = template
        .functions
        .iter()
        .map(|function| function.name.clone())
        .collect();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        let binaries = targets(package, "bin");
        match name {
            PACKAGE => assert_eq!(binaries, functions),
            "baton-local" => assert_eq!(binaries, BTreeSet::from(["baton".to_owned()])),
            _ => assert!(binaries.is_empty(), "{name} has binaries: {binaries:?}"),
        }
    }
    // They would be a way around `--package`.
    let manifest =
        std::fs::read_to_string(built::workspace().join("Cargo.toml")).expect("a manifest");
    assert!(!manifest.contains("default-members"));
}

#[test]
fn whoever_is_told_to_build_functions_is_told_the_package() {
    let mut commands = Vec::new();
    let folder = built::workspace();
    collect(&folder, &mut commands);
    assert!(!commands.is_empty(), "nothing says how functions are built");
    for command in commands {
        let named = [format!("--package {PACKAGE}"), format!("-p {PACKAGE}")];
        assert!(
            named.iter().any(|named| command.contains(named)),
            "`{command}` would package `baton` too"
        );
    }
}

/// Lines that say how functions are built, in documents, scripts and the template.
fn collect(folder: &Path, commands: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "target" | ".git" | "node_modules" | ".venv") {
                collect(&path, commands);
            }
            continue;
        }
        let is_text = [".md", ".yaml", ".yml", ".sh", ".toml"]
            .iter()
            .any(|end| name.ends_with(end));
        if is_text || !name.contains('.') {
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let commanded = text.lines().filter(|line| {
                let line = line.trim_start_matches(['#', ' ', '$']);
                line.starts_with("cargo lambda build")
            });
            commands.extend(commanded.map(str::to_owned));
        }
    }
}
