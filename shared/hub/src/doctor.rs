//! What is wrong, and what to do about it.
//!
//! | module | subject |
//! |---|---|
//! | [`finding`] | what is told: a code, a severity, what, what to do |
//! | [`probed`] | what was seen, as plain data |
//! | [`judge`] | from what was seen to findings; no I/O |
//! | [`probe`] | looking: the platform, the bot, the table |
//!
//! The operator's `baton doctor` and each connection's own checks
//! ([`checkup`](crate::checkup)) probe and judge with the same code.

pub mod finding;
pub mod judge;
pub mod probe;
pub mod probed;

pub use finding::{Code, Finding, Severity};
pub use probe::Doctor;

use serde::{Deserialize, Serialize};

/// What was found in a whole hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// About the hub itself.
    pub hub: Vec<Finding>,
    /// About each connection.
    pub connections: Vec<ConnectionReport>,
}

/// What was found about one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionReport {
    /// Its id.
    pub id: String,
    /// Its platform's word.
    pub platform: String,
    /// What was found; empty where all is well.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many findings are of this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let connections = self.connections.iter().flat_map(|it| &it.findings);
        let all = self.hub.iter().chain(connections);
        all.filter(|finding| finding.severity == severity).count()
    }
}
