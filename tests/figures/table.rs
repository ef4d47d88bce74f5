//! The table: a row for each figure.

/// A figure, as measured.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What it is about, with its unit.
    pub(crate) figure: String,
    /// What was measured beside it in the same run, or nothing.
    pub(crate) baseline: String,
    /// What was measured.
    pub(crate) measured: String,
    /// What is to be reached, or nothing where the row only shows.
    pub(crate) reach: String,
    /// Whether it is; `None` where there is nothing to reach, or it could not be
    /// measured.
    pub(crate) met: Option<bool>,
    /// What a later run is compared with.
    pub(crate) kept: Option<Kept>,
}

/// A number that must not grow unnoticed.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The kind of figure: a table of the recorded file.
    pub(crate) kind: &'static str,
    /// Whose it is: a key in that table.
    pub(crate) name: String,
    /// The number, smaller being better.
    pub(crate) value: f64,
}

impl Row {
    /// A figure that may be at most `limit`; all in `unit`, with `digits` after the
    /// point.
    pub(crate) fn at_most(figure: &str, value: f64, limit: f64, unit: &str, digits: usize) -> Self {
        Self {
            figure: figure.to_owned(),
            baseline: String::new(),
            measured: format!("{value:.digits$} {unit}"),
            reach: format!("<= {limit} {unit}"),
            met: Some(value <= limit),
            kept: None,
        }
    }

    /// A figure that is only shown, or says why it was not measured.
    pub(crate) fn shown(figure: &str, measured: impl Into<String>) -> Self {
        Self {
            figure: figure.to_owned(),
            baseline: String::new(),
            measured: measured.into(),
            reach: String::new(),
            met: None,
            kept: None,
        }
    }

    /// The same row beside this baseline.
    pub(crate) fn beside(mut self, baseline: impl Into<String>) -> Self {
        self.baseline = baseline.into();
        self
    }

    /// The same row with more words about what was measured.
    pub(crate) fn saying(mut self, words: &str) -> Self {
        self.measured = format!("{} ({words})", self.measured);
        self
    }

    /// The same row, to be compared with earlier runs.
    pub(crate) fn kept(mut self, kind: &'static str, name: &str, value: f64) -> Self {
        self.kept = Some(Kept {
            kind,
            name: name.to_owned(),
            value,
        });
        self
    }
}

/// Prints the rows; `moved` says of a row how it moved since it was recorded.
pub(crate) fn print(rows: &[Row], moved: impl Fn(&Row) -> String) {
    let heads = [
        "figure", "baseline", "measured", "to reach", "met", "recorded",
    ];
    let mut lines = vec![heads.map(str::to_owned)];
    for row in rows {
        let met = match row.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        lines.push([
            row.figure.clone(),
            row.baseline.clone(),
            row.measured.clone(),
            row.reach.clone(),
            met.to_owned(),
            moved(row),
        ]);
    }
    let mut widths = [0; 6];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    // As Markdown takes it, so that it can be put into a page.
    for (number, line) in lines.iter().enumerate() {
        print_line(line, widths, ' ');
        if number == 0 {
            print_line(&heads.map(|_| String::new()), widths, '-');
        }
    }
}

fn print_line(cells: &[String; 6], widths: [usize; 6], fill: char) {
    let cells: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| {
            let missing = width.saturating_sub(cell.chars().count());
            format!("{cell}{}", fill.to_string().repeat(missing))
        })
        .collect();
    println!("| {} |", cells.join(" | "));
}
