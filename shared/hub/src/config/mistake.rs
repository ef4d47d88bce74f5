//! What is wrong in a document, and where.

use std::fmt;
use std::ops::Range;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The document cannot be used.
    Error,
    /// The document can be used, but hardly as meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One mistake. Its texts never hold the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// How bad it is.
    pub severity: Severity,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The key, such as `connection.timers.bot_owes`; empty where there is none.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead, where that can be told.
    pub suggestion: Option<String>,
}

/// Mistakes as they are found, with the text's lines.
pub(super) struct Notes<'a> {
    text: &'a str,
    /// Byte offsets at which lines start.
    starts: Vec<usize>,
    mistakes: Vec<Mistake>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_breaks).collect(),
            mistakes: Vec::new(),
        }
    }

    /// The line of a byte offset, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).max(1)
    }

    fn column(&self, at: usize) -> usize {
        let start = self
            .starts
            .get(self.line(at) - 1)
            .copied()
            .unwrap_or_default();
        let before = self
            .text
            .get(start..at.min(self.text.len()))
            .unwrap_or_default();
        before.chars().count() + 1
    }

    /// Notes an error at these bytes.
    pub(super) fn error(
        &mut self,
        at: &Range<usize>,
        path: &str,
        problem: impl Into<String>,
    ) -> Note<'_> {
        self.add(Severity::Error, at, path, problem.into())
    }

    /// Notes a warning at these bytes.
    pub(super) fn warn(
        &mut self,
        at: &Range<usize>,
        path: &str,
        problem: impl Into<String>,
    ) -> Note<'_> {
        self.add(Severity::Warning, at, path, problem.into())
    }

    fn add(
        &mut self,
        severity: Severity,
        at: &Range<usize>,
        path: &str,
        problem: String,
    ) -> Note<'_> {
        let (line, column) = (self.line(at.start), self.column(at.start));
        let path = path.to_owned();
        self.mistakes.push(Mistake {
            severity,
            line,
            column,
            path,
            problem,
            suggestion: None,
        });
        Note(self.mistakes.last_mut())
    }

    /// All of them, in the order of the text.
    pub(super) fn into_mistakes(mut self) -> Vec<Mistake> {
        self.mistakes
            .sort_by_key(|mistake| (mistake.line, mistake.column));
        self.mistakes
    }
}

/// A mistake that was just noted, to which a suggestion may be added.
pub(super) struct Note<'n>(Option<&'n mut Mistake>);

impl Note<'_> {
    pub(super) fn suggest(self, suggestion: impl Into<String>) {
        self.suggest_maybe(Some(suggestion.into()));
    }

    pub(super) fn suggest_maybe(self, suggestion: Option<String>) {
        if let Some(mistake) = self.0 {
            mistake.suggestion = suggestion;
        }
    }
}
