//! What was measured when it was last recorded: a change of a dependency that makes a
//! function larger or slower must not pass unnoticed.

use crate::table::Row;
use baton_tests::built::workspace;
use baton_tests::scene::Failed;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A figure that grew by more than this share is said to have moved.
const MOVES: f64 = 0.10;

/// Numbers by kind and name.
#[derive(Debug, Default)]
pub(crate) struct Recorded(BTreeMap<(String, String), f64>);

fn file() -> PathBuf {
    workspace().join("tests/figures/recorded.toml")
}

impl Recorded {
    /// Reads the file; a missing one holds nothing.
    ///
    /// # Errors
    /// When it is not what [`Recorded::write`] writes.
    pub(crate) fn read() -> Result<Self, Failed> {
        let text = std::fs::read_to_string(file()).unwrap_or_default();
        let mut numbers = BTreeMap::new();
        for (kind, table) in text.parse::<toml::Table>()? {
            let table = table.as_table().ok_or("recorded.toml holds tables only")?;
            for (name, number) in table {
                let number = number.as_float().ok_or("recorded.toml holds numbers")?;
                numbers.insert((kind.clone(), name.clone()), number);
            }
        }
        Ok(Self(numbers))
    }

    fn before(&self, row: &Row) -> Option<(f64, f64)> {
        let kept = row.kept.as_ref()?;
        let before = self.0.get(&(kept.kind.to_owned(), kept.name.clone()))?;
        Some((*before, kept.value))
    }

    /// Whether a figure is that much above what was recorded.
    pub(crate) fn has_grown(&self, row: &Row) -> bool {
        self.before(row)
            .is_some_and(|(before, now)| now > before * (1.0 + MOVES))
    }

    /// How a figure moved, in words for the table.
    pub(crate) fn moved(&self, row: &Row) -> String {
        let Some((before, now)) = self.before(row) else {
            return String::new();
        };
        let percent = (now / before - 1.0) * 100.0;
        let mark = if self.has_grown(row) { " MOVED" } else { "" };
        format!("{before:.2} ({percent:+.0} %){mark}")
    }

    /// Records these rows, and keeps what other sections had recorded.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(mut self, rows: &[Row], machine: &str) -> Result<(), Failed> {
        for kept in rows.iter().filter_map(|row| row.kept.as_ref()) {
            let key = (kept.kind.to_owned(), kept.name.clone());
            self.0.insert(key, kept.value);
        }
        let mut text = format!(
            "# Written by `./tests/bench --record`, which later runs compare with.\n# {machine}\n"
        );
        let mut kind = "";
        for ((of, name), value) in &self.0 {
            if of != kind {
                kind = of;
                text.push_str(&format!("\n[{kind}]\n"));
            }
            text.push_str(&format!("{name} = {value:.3}\n"));
        }
        std::fs::write(file(), text)?;
        Ok(())
    }
}
