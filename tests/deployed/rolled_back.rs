//! A release is deployed over another, and the one before again, by the page on upgrades.

use crate::deployment::{Deployment, STACK};
use crate::guide;
use std::collections::BTreeMap;
use std::path::PathBuf;

const PAGE: &str = "docs/operations/upgrades.md";
/// What must stay as it is.
const KEPT: [&str; 4] = ["TableName", "IdKeyArn", "SecretArn", "BusName"];

/// What is uploaded is other code and the former again; what keeps data stays.
pub(crate) async fn after_an_upgrade(hub: &mut Deployment) {
    let page = guide::blocks(PAGE);
    let kept = |hub: &Deployment| KEPT.map(|name| hub.output(name).to_owned());
    let before = kept(hub);
    let former = codes(hub);
    for (file, code) in &former {
        std::fs::write(file, format!("{code} of the next release")).expect("a file");
    }
    for block in ["deploy", "rollback"] {
        if block == "rollback" {
            for (file, code) in &former {
                std::fs::write(file, code).expect("a file");
            }
        }
        let said = guide::run(&page[block], &hub.folder, &hub.environment).await;
        assert!(said.contains("UPDATE_COMPLETE"), "{block}: {said}");
        hub.stack = hub.stand.describe(STACK).await;
        assert_eq!(hub.stack["status"], "UPDATE_COMPLETE", "{block}");
        assert_eq!(kept(hub), before, "{block}");
    }
}

/// The functions' code, by its files.
fn codes(hub: &Deployment) -> BTreeMap<PathBuf, String> {
    let built = std::fs::read_dir(hub.folder.join("target/lambda")).expect("a folder");
    built
        .map(|function| {
            let file = function.expect("readable").path().join("bootstrap");
            let code = std::fs::read_to_string(&file).expect("code");
            (file, code)
        })
        .collect()
}
