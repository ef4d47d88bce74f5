//! Reading one table, key by key. What was never asked for is unknown.

use super::mistake::Notes;
use super::nearest::{did_you_mean, listed, nearest};
use super::span;
use std::ops::Range;
use toml::de::{DeInteger, DeTable, DeValue};

/// A value with the place it was read from.
pub(super) struct Field<T> {
    /// The value.
    pub(super) value: T,
    /// The value's bytes.
    pub(super) at: Range<usize>,
    /// The key.
    pub(super) path: String,
}

/// A table being read.
pub(super) struct Section<'t, 'i> {
    table: &'t DeTable<'i>,
    /// The table's bytes: its header, or the whole of an inline table.
    pub(super) at: Range<usize>,
    /// The table's name.
    pub(super) path: String,
    asked: Vec<&'static str>,
    /// Keys that are required and not there, with an example of a value.
    missing: Vec<(&'static str, String)>,
}

impl<'t, 'i> Section<'t, 'i> {
    pub(super) fn new(table: &'t DeTable<'i>, at: Range<usize>, path: impl Into<String>) -> Self {
        Self {
            table,
            at,
            path: path.into(),
            asked: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The name of a key in this table.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// A value of any type.
    pub(super) fn any(&mut self, key: &'static str) -> Option<Field<&'t DeValue<'i>>> {
        self.asked.push(key);
        let (_, value) = self
            .table
            .iter()
            .find(|(known, _)| known.get_ref() == key)?;
        Some(Field {
            value: value.get_ref(),
            at: value.span(),
            path: self.path_of(key),
        })
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.iter().any(|(known, _)| known.get_ref() == key)
    }

    /// Every key with its value, for tables whose keys are the user's.
    pub(super) fn entries(&self) -> impl Iterator<Item = Field<(&'t str, &'t DeValue<'i>)>> {
        self.table.iter().map(|(key, value)| Field {
            value: (key.get_ref().as_ref(), value.get_ref()),
            at: value.span(),
            path: self.path_of(key.get_ref()),
        })
    }

    /// A required key is missing. Told when the table is finished, unless the key turns
    /// out to be there, misspelt.
    pub(super) fn missing(&mut self, key: &'static str, example: &str) {
        self.asked.push(key);
        self.missing.push((key, example.to_owned()));
    }

    /// A text that is not empty.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        notes: &mut Notes<'_>,
    ) -> Option<Field<String>> {
        let field = self.any(key)?;
        text_of(&field, notes).map(|value| Field {
            value,
            at: field.at,
            path: field.path,
        })
    }

    /// A text that must be there.
    pub(super) fn required(
        &mut self,
        key: &'static str,
        example: &str,
        notes: &mut Notes<'_>,
    ) -> Option<Field<String>> {
        if !self.has(key) {
            self.missing(key, example);
            return None;
        }
        self.text(key, notes)
    }

    /// An id: 1 to 64 letters, digits, `-` and `_`, since it becomes part of URLs and of
    /// the names of secrets.
    pub(super) fn id(&mut self, example: &str, notes: &mut Notes<'_>) -> Option<Field<String>> {
        let field = self.required("id", example, notes)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if field.value.len() <= 64 && field.value.chars().all(allowed) {
            return Some(field);
        }
        let better: String = field
            .value
            .chars()
            .map(|c| if allowed(c) { c } else { '-' })
            .take(64)
            .collect();
        notes
            .error(
                &field.at,
                &field.path,
                "an id is 1 to 64 letters, digits, `-` and `_`",
            )
            .suggest(format!("`{better}`"));
        None
    }

    /// Several texts.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        notes: &mut Notes<'_>,
    ) -> Option<Vec<Field<String>>> {
        let field = self.any(key)?;
        let Some(array) = field.value.as_array() else {
            let note = notes.error(
                &field.at,
                &field.path,
                wrong_type("a list of texts", field.value),
            );
            note.suggest_maybe(field.value.is_str().then(|| format!("`{key} = [\"...\"]`")));
            return None;
        };
        let items = array.iter().filter_map(|item| {
            let item = Field {
                value: item.get_ref(),
                at: item.span(),
                path: field.path.clone(),
            };
            text_of(&item, notes).map(|value| Field {
                value,
                at: item.at,
                path: item.path,
            })
        });
        Some(items.collect())
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<bool> {
        let field = self.any(key)?;
        let flag = field.value.as_bool();
        if flag.is_none() {
            let meant = match field.value.as_str() {
                Some("true" | "yes" | "on") => Some("`true`, without quotes".to_owned()),
                Some("false" | "no" | "off") => Some("`false`, without quotes".to_owned()),
                _ => None,
            };
            notes
                .error(
                    &field.at,
                    &field.path,
                    wrong_type("`true` or `false`", field.value),
                )
                .suggest_maybe(meant);
        }
        flag
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        notes: &mut Notes<'_>,
    ) -> Option<Field<T>> {
        let field = self.text(key, notes)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == field.value) {
            return Some(Field {
                value: *value,
                at: field.at,
                path: field.path,
            });
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        notes
            .error(
                &field.at,
                &field.path,
                format!("`{}` is not one of its words", shown(&field.value)),
            )
            .suggest_maybe(did_you_mean(&field.value, &known));
        None
    }

    /// A span in milliseconds, or `None` for `"off"`.
    pub(super) fn span(
        &mut self,
        key: &'static str,
        notes: &mut Notes<'_>,
    ) -> Option<Field<Option<i64>>> {
        let field = self.any(key)?;
        let value = match field.value {
            DeValue::String(text) if text == "off" => Some(None),
            DeValue::String(text) => span::parse(text).map(Some),
            DeValue::Integer(number) => integer(number).and_then(span::of_seconds).map(Some),
            _ => None,
        };
        if let Some(value) = value {
            return Some(Field {
                value,
                at: field.at,
                path: field.path,
            });
        }
        let meant = field
            .value
            .as_str()
            .filter(|text| {
                !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit())
            })
            .map(|digits| format!("`\"{digits}s\"`"));
        let problem = "is not a span of time";
        let examples = "`\"300s\"`, `\"4m\"`, `\"24h\"`, `\"7d\"` or whole seconds";
        notes
            .error(&field.at, &field.path, problem)
            .suggest(meant.unwrap_or_else(|| examples.to_owned()));
        None
    }

    /// A table in this one.
    pub(super) fn section(
        &mut self,
        key: &'static str,
        notes: &mut Notes<'_>,
    ) -> Option<Section<'t, 'i>> {
        let field = self.any(key)?;
        match field.value {
            DeValue::Table(table) => Some(Section::new(table, field.at, field.path)),
            other => {
                notes
                    .error(&field.at, &field.path, wrong_type("a table", other))
                    .suggest(format!("`[{}]`", self.path_of(key)));
                None
            }
        }
    }

    /// The tables of `[[key]]`.
    pub(super) fn sections(
        &mut self,
        key: &'static str,
        notes: &mut Notes<'_>,
    ) -> Vec<Section<'t, 'i>> {
        let Some(field) = self.any(key) else {
            return Vec::new();
        };
        let path = field.path;
        let wrong = |at: &Range<usize>, value: &DeValue<'_>, notes: &mut Notes<'_>| {
            notes
                .error(at, &path, wrong_type("a list of tables", value))
                .suggest(format!("`[[{key}]]`, with two brackets, for each"));
        };
        let Some(array) = field.value.as_array() else {
            wrong(&field.at, field.value, notes);
            // Its content is read all the same, so that its mistakes are told too.
            let table = field.value.as_table();
            return table
                .map(|table| Section::new(table, field.at, path.clone()))
                .into_iter()
                .collect();
        };
        let mut sections = Vec::new();
        for item in array {
            match item.get_ref() {
                DeValue::Table(table) => {
                    sections.push(Section::new(table, item.span(), path.clone()))
                }
                other => wrong(&item.span(), other, notes),
            }
        }
        sections
    }

    /// Ends the reading of a table whose other keys this release does not know.
    pub(super) fn leave_rest(self, notes: &mut Notes<'_>) {
        for (key, example) in &self.missing {
            notes
                .error(&self.at, &self.path_of(key), "is missing")
                .suggest(format!("add `{key} = {example}`"));
        }
    }

    /// Ends the reading: notes every key that was not asked for. `elsewhere` names keys
    /// that belong elsewhere, and says where: "in ...".
    pub(super) fn finish(mut self, elsewhere: &[(&str, &str)], notes: &mut Notes<'_>) {
        for (key, _) in self.table {
            let word: &str = key.get_ref();
            if self.asked.contains(&word) {
                continue;
            }
            let moved = elsewhere.iter().find(|(known, _)| *known == word);
            let suggestion = match moved {
                Some((_, place)) => Some(format!("it belongs {place}")),
                None => match nearest(word, self.asked.iter().copied()) {
                    Some(meant) => {
                        self.missing.retain(|(key, _)| *key != meant);
                        Some(format!("did you mean `{meant}`?"))
                    }
                    None if self.asked.is_empty() => None,
                    None => Some(format!("known here: {}", listed(&self.asked))),
                },
            };
            notes
                .error(&key.span(), &self.path_of(&shown(word)), "unknown key")
                .suggest_maybe(suggestion);
        }
        self.leave_rest(notes);
    }
}

fn text_of(field: &Field<&DeValue<'_>>, notes: &mut Notes<'_>) -> Option<String> {
    let Some(text) = field.value.as_str() else {
        let note = notes.error(&field.at, &field.path, wrong_type("a text", field.value));
        let plain = matches!(
            field.value,
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)
        );
        note.suggest_maybe(plain.then(|| "put it in quotes".to_owned()));
        return None;
    };
    if text.trim().is_empty() {
        notes.error(&field.at, &field.path, "is empty");
        return None;
    }
    if text.chars().any(char::is_control) {
        notes.error(
            &field.at,
            &field.path,
            "contains a line break or another control character",
        );
        return None;
    }
    Some(text.to_owned())
}

/// The number, if it fits.
fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// What was expected and what is there. Says nothing of the value.
pub(super) fn wrong_type(expected: &str, found: &DeValue<'_>) -> String {
    let found = match found {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    format!("must be {expected}, this is {found}")
}

/// A word of the user's, short enough and harmless on a terminal.
pub(super) fn shown(word: &str) -> String {
    let mut shown: String = word
        .chars()
        .take(60)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if word.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}
