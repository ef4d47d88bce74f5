//! A figure of the bench: what it is, what it is compared with, what was measured, what
//! is to be reached.

use std::fmt::Write as _;

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is measured.
    pub figure: String,
    /// What it is compared with, from the same run.
    pub baseline: String,
    /// What came out.
    pub measured: String,
    /// What is to be reached.
    pub reach: String,
    /// Whether it is.
    pub met: bool,
}

impl Row {
    /// A line.
    pub fn new(
        figure: impl Into<String>,
        baseline: impl Into<String>,
        measured: impl Into<String>,
        reach: impl Into<String>,
        met: bool,
    ) -> Self {
        Self {
            figure: figure.into(),
            baseline: baseline.into(),
            measured: measured.into(),
            reach: reach.into(),
            met,
        }
    }
}

/// The table.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let width = |cell: fn(&Row) -> &str, head: &str| {
        let cells = rows.iter().map(|row| cell(row).chars().count());
        cells.chain([head.len()]).max().unwrap_or_default()
    };
    let figure = width(|row| &row.figure, "figure");
    let baseline = width(|row| &row.baseline, "baseline");
    let measured = width(|row| &row.measured, "measured");
    let reach = width(|row| &row.reach, "to reach");
    let mut text = String::new();
    let mut line = |cells: [&str; 5]| {
        let [one, two, three, four, five] = cells;
        // Writing to a text cannot fail.
        let _written = writeln!(
            text,
            "{one:<figure$}  {two:>baseline$}  {three:>measured$}  {four:>reach$}  {five}"
        );
    };
    line(["figure", "baseline", "measured", "to reach", "met"]);
    for row in rows {
        let met = if row.met { "yes" } else { "NO" };
        line([&row.figure, &row.baseline, &row.measured, &row.reach, met]);
    }
    text
}
