//! How a broken limit is told, the same for every platform.

use std::fmt;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Unicode characters (code points).
    Characters,
    /// Entries of a list.
    Items,
}

/// The rule that a field breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// At most this many.
    AtMost(usize, Unit),
    /// Must not be empty or blank.
    NotBlank,
    /// At least one entry.
    NotEmpty,
    /// Only these characters; the words name them.
    Only(&'static str),
    /// Must differ from its neighbours.
    Unique,
    /// An `https` URL.
    Https,
    /// Within its range of numbers; the words name it.
    Range(&'static str),
}

/// One limit that a content breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitBroken {
    /// The field, in the platform's or the API's spelling, e.g. `menuItems[2].label`.
    pub field: String,
    /// The rule.
    pub rule: Rule,
    /// What was counted: characters or entries for [`Rule::AtMost`], offending
    /// characters for [`Rule::Only`], occurrences for [`Rule::Unique`], else 0.
    pub got: usize,
    /// What the caller can do, as a phrase.
    pub what_to_do: &'static str,
}

impl fmt::Display for LimitBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            rule,
            got,
            what_to_do,
        } = self;
        match rule {
            Rule::AtMost(limit, Unit::Characters) => {
                write!(
                    f,
                    "{field} has {got} characters, at most {limit} are allowed"
                )?;
            }
            Rule::AtMost(limit, Unit::Items) => {
                write!(f, "{field} has {got} entries, at most {limit} are allowed")?;
            }
            Rule::NotBlank => write!(f, "{field} is blank")?,
            Rule::NotEmpty => write!(f, "{field} has no entries")?,
            Rule::Only(what) => write!(f, "{field} may only contain {what}")?,
            Rule::Unique => write!(f, "{field} occurs {got} times")?,
            Rule::Https => write!(f, "{field} is not an https URL")?,
            Rule::Range(what) => write!(f, "{field} is not {what}")?,
        }
        write!(f, ": {what_to_do}")
    }
}

/// Collects the limits that a content breaks.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<LimitBroken>);

impl Checks {
    /// Notes a broken rule.
    pub(crate) fn broken(
        &mut self,
        field: impl Into<String>,
        rule: Rule,
        got: usize,
        what_to_do: &'static str,
    ) {
        self.0.push(LimitBroken {
            field: field.into(),
            rule,
            got,
            what_to_do,
        });
    }

    /// The text is at most `limit` characters.
    pub(crate) fn at_most(&mut self, field: &str, text: &str, limit: usize, todo: &'static str) {
        let got = text.chars().count();
        if got > limit {
            self.broken(field, Rule::AtMost(limit, Unit::Characters), got, todo);
        }
    }

    /// The text is not blank and at most `limit` characters.
    pub(crate) fn text(&mut self, field: &str, text: &str, limit: usize, todo: &'static str) {
        if text.trim().is_empty() {
            self.broken(field, Rule::NotBlank, 0, "give it some text");
        }
        self.at_most(field, text, limit, todo);
    }

    /// The list has between 1 and `limit` entries.
    pub(crate) fn items(&mut self, field: &str, got: usize, limit: usize, todo: &'static str) {
        if got == 0 {
            self.broken(field, Rule::NotEmpty, 0, "give it at least one entry");
        } else if got > limit {
            self.broken(field, Rule::AtMost(limit, Unit::Items), got, todo);
        }
    }

    /// `Ok` if nothing was broken.
    pub(crate) fn result(self) -> Result<(), Vec<LimitBroken>> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.0)
        }
    }
}
