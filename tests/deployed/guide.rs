//! The blocks of a page that are rehearsed: each follows a comment
//! `<!-- rehearsed: NAME -->`.

use baton_tests::built::workspace;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// What any of the commands may take. A loaded machine takes a minute for `sam deploy`.
const TAKES_AT_MOST: Duration = Duration::from_secs(300);

/// The blocks of a page by their names.
pub(crate) fn blocks(page: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(workspace().join(page)).expect("the page is there");
    let mut blocks = BTreeMap::new();
    for part in text.split("<!-- rehearsed: ").skip(1) {
        let (name, rest) = part.split_once(" -->\n```").expect("a block follows");
        let (_, rest) = rest.split_once('\n').expect("a first line");
        let (block, _) = rest.split_once("\n```").expect("an end");
        let known = blocks.insert(name.to_owned(), block.to_owned());
        assert!(known.is_none(), "{page}: {name} is there twice");
    }
    blocks
}

/// Runs a block in this folder and with these variables beside the path; what it printed.
/// It must end with status 0.
pub(crate) async fn run(
    block: &str,
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> String {
    let running = Command::new("bash")
        .args(["-euo", "pipefail", "-c", block])
        .current_dir(folder)
        .envs(environment)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ended = tokio::time::timeout(TAKES_AT_MOST, running).await;
    let ended = ended.unwrap_or_else(|_| panic!("it took over {TAKES_AT_MOST:?}:\n{block}"));
    let ended = ended.expect("bash");
    let (out, err) = (
        String::from_utf8_lossy(&ended.stdout).into_owned(),
        String::from_utf8_lossy(&ended.stderr).into_owned(),
    );
    assert!(ended.status.success(), "{block}\n{out}\n{err}");
    out
}
