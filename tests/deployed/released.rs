//! The next release, looked at before it is deployed, by the page on upgrades. moto makes the
//! change set, and cannot carry it out.

use crate::deployment::Deployment;
use crate::guide;

const PAGE: &str = "docs/operations/upgrades.md";
/// What must not be in it.
const KEPT: [&str; 4] = ["Table ", "IdKey ", "Secret ", "Bus "];

/// Where only code differs, functions change and nothing else does.
pub(crate) async fn is_looked_at(hub: &Deployment) {
    let built = std::fs::read_dir(hub.folder.join("target/lambda")).expect("a folder");
    let mut functions = 0;
    for function in built {
        let file = function.expect("readable").path().join("bootstrap");
        std::fs::write(&file, "the next release").expect("a file");
        functions += 1;
    }
    let page = guide::blocks(PAGE);
    let said = guide::run(&page["look"], &hub.folder, &hub.environment).await;
    let changes: Vec<&str> = said
        .lines()
        .filter(|line| {
            ["* Modify", "+ Add", "- Delete"]
                .iter()
                .any(|it| line.contains(it))
        })
        .collect();
    assert_eq!(changes.len(), functions, "{said}");
    assert!(
        changes
            .iter()
            .all(|line| line.contains("AWS::Lambda::Function")),
        "{said}"
    );
    for kept in KEPT {
        assert!(changes.iter().all(|line| !line.contains(kept)), "{said}");
    }
}
