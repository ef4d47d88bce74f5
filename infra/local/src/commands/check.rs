//! `baton check`.

use baton_hub::config::{CheckContext, Checked, check, render_file};
use baton_hub::settings::Settings;
use std::path::Path;

/// More than these are a file of another kind, and would scroll the first ones away.
const SHOWN: usize = 20;

fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}

/// Checks a file.
pub(super) fn check_file(path: &Path) -> Result<Checked, String> {
    let toml = std::fs::read_to_string(path)
        .map_err(|error| format!("{}: {error}; name another file", path.display()))?;
    let context = CheckContext {
        tracked_by_git: tracked_by_git(path),
        env: &|name| std::env::var(name).ok(),
    };
    Ok(check(&toml, &context))
}

/// Whether git tracks the file; where there is no git, nothing is tracked.
fn tracked_by_git(path: &Path) -> bool {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let Some(name) = path.file_name() else {
        return false;
    };
    std::process::Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["ls-files", "--error-unmatch", "--"])
        .arg(name)
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The command: every mistake at once.
pub(super) fn run(path: &Path) -> Result<(), String> {
    let settings = accepted(path)?;
    super::say(&format!(
        "{}: good: {}, {}\n",
        path.display(),
        count(settings.endpoints.len(), "endpoint"),
        count(settings.connections.len(), "connection")
    ));
    Ok(())
}

/// The settings of a file without errors; every mistake of it is shown.
pub(super) fn accepted(path: &Path) -> Result<Settings, String> {
    let checked = check_file(path)?;
    let file = path.display().to_string();
    let toml = std::fs::read_to_string(path).unwrap_or_default();
    if !checked.mistakes.is_empty() {
        let shown = checked.mistakes.get(..SHOWN).unwrap_or(&checked.mistakes);
        super::say(&format!(
            "{}\n\n",
            render_file(&file, shown, &toml).trim_end()
        ));
        if checked.mistakes.len() > SHOWN {
            super::say(&format!(
                "... and {} more\n\n",
                checked.mistakes.len() - SHOWN
            ));
        }
    }
    match (checked.errors(), checked.settings) {
        (0, Some(settings)) => Ok(settings),
        (1, _) => Err(format!("{file} has 1 mistake")),
        (mistakes, _) => Err(format!("{file} has {mistakes} mistakes")),
    }
}
