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

/// A folder as cargo-lambda leaves it: each of these binaries, with so many bytes.
fn built_folder(place: &Path, binaries: &[(&str, usize)]) {
    for (name, bytes) in binaries {
        executable(&place.join(name).join("bootstrap"), &vec![0; *bytes]);
    }
}

/// Writes a file that can be run, and the folders to it.
fn executable(path: &Path, content: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().expect("a folder");
    std::fs::create_dir_all(folder).expect("it can be made");
    std::fs::write(path, content).expect("it can be written");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("it can be run");
}

/// What `infra/package` makes of a folder: its words, and the names of the zips.
fn package(place: &Path, binaries: &[(&str, usize)]) -> Result<Vec<String>, String> {
    let from = place.join("built");
    built_folder(&from, binaries);
    let output = std::process::Command::new(built::workspace().join("infra/package"))
        .arg("arm64")
        .env("BATON_PACKAGE_FROM", &from)
        .env("CARGO_TARGET_DIR", place)
        .output()
        .expect("bash runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let packed = std::fs::read_dir(place.join("package/arm64")).expect("a folder");
    let mut names: Vec<String> = packed
        .map(|file| file.expect("readable").file_name().display().to_string())
        .collect();
    names.sort();
    Ok(names)
}

#[test]
fn what_is_packaged_are_the_functions_and_never_baton() {
    let template = Template::builtin().expect("a template");
    let names = template.functions.iter();
    let functions: Vec<(&str, usize)> = names.map(|it| (it.name.as_str(), 4_000_000)).collect();
    let place = std::env::temp_dir().join(format!("baton-package-{}", std::process::id()));

    let packed = package(&place.join("well"), &functions).expect("it is packaged");
    let zips = functions.iter().map(|(name, _)| format!("{name}.zip"));
    assert_eq!(packed, zips.collect::<Vec<_>>());

    let with_baton = [functions.as_slice(), &[("baton", 10)]].concat();
    let refused = package(&place.join("baton"), &with_baton).expect_err("baton is refused");
    assert!(
        refused.contains("baton was built and is no function"),
        "{refused}"
    );

    for (large, bytes) in [("gladly", 4_200_001), ("send", 5_500_001)] {
        let with_large = [functions.as_slice(), &[(large, bytes)]].concat();
        let refused = package(&place.join(large), &with_large).expect_err("it is too large");
        assert!(
            refused.contains(&format!("{large} has {bytes} bytes, 1 more")),
            "{refused}"
        );
    }
    let refused = package(&place.join("less"), &functions[1..]).expect_err("one is missing");
    assert!(refused.contains("was not built"), "{refused}");
    std::fs::remove_dir_all(&place).expect("it can be removed");
}

#[test]
fn an_architecture_that_cannot_be_built_is_named() {
    // A compiler that has no target at all.
    let place = std::env::temp_dir().join(format!("baton-no-target-{}", std::process::id()));
    executable(&place.join("rustc"), b"#!/bin/sh\necho /nowhere/at/all\n");
    let metadata = b"#!/bin/sh\necho '{\"target_directory\":\"/nowhere\",\"x\":1}'\n";
    executable(&place.join("cargo"), metadata);
    let path = std::env::var("PATH").expect("a path");
    let output = std::process::Command::new("bash")
        .arg(built::workspace().join("infra/package"))
        .env("PATH", format!("{}:{path}", place.display()))
        .output()
        .expect("bash runs");
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(!output.status.success());
    for triple in ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"] {
        let advice = format!("rustup target add {triple}");
        assert!(said.contains(&advice), "{said}");
    }
    assert!(complained.contains("nothing was packaged"), "{complained}");
    std::fs::remove_dir_all(&place).expect("it can be removed");
}
