//! Secrets: the value itself, or where to find it. No message here repeats a value.

use super::check::CheckContext;
use super::mistake::Notes;
use super::section::{Field, Section, wrong_type};
use crate::settings::SecretText;
use toml::de::DeValue;

/// Reads the secrets of one endpoint or connection.
pub(super) struct Secrets<'c> {
    context: &'c CheckContext<'c>,
    /// Whose they are: the beginning of the variables' names that are proposed.
    owner: String,
}

impl<'c> Secrets<'c> {
    /// `owner` is an id.
    pub(super) fn new(context: &'c CheckContext<'c>, owner: &str) -> Self {
        Self {
            context,
            owner: owner.to_owned(),
        }
    }

    /// The secret under this key, if it is there and can be found.
    pub(super) fn read(
        &self,
        section: &mut Section<'_, '_>,
        key: &'static str,
        notes: &mut Notes<'_>,
    ) -> Option<SecretText> {
        let field = section.any(key)?;
        self.of(&field, key, notes)
    }

    /// The secret that this value is or points to; `key` is what it is called.
    pub(super) fn of(
        &self,
        field: &Field<&DeValue<'_>>,
        key: &str,
        notes: &mut Notes<'_>,
    ) -> Option<SecretText> {
        let text = match field.value {
            DeValue::String(literal) => {
                if self.context.tracked_by_git {
                    notes
                        .error(
                            &field.at,
                            &field.path,
                            "a secret stands in a file that git tracks",
                        )
                        .suggest(format!(
                            "`{}`, and replace the secret if it was ever committed",
                            self.example(key)
                        ));
                    return None;
                }
                literal.to_string()
            }
            DeValue::Table(table) => {
                let mut section = Section::new(table, field.at.clone(), field.path.as_str());
                let found = self.from(&mut section, key, notes);
                section.finish(&[], notes);
                found?
            }
            other => {
                let problem = wrong_type("a text or `{ from = \"env:NAME\" }`", other);
                notes
                    .error(&field.at, &field.path, problem)
                    .suggest(format!("`{}`", self.example(key)));
                return None;
            }
        };
        let problem = if text.trim().is_empty() {
            "is empty"
        } else if text.chars().any(char::is_control) {
            // It could not be sent in a header.
            "contains a line break or another control character"
        } else {
            return Some(SecretText::new(text));
        };
        notes.error(&field.at, &field.path, problem);
        None
    }

    fn from(
        &self,
        section: &mut Section<'_, '_>,
        key: &str,
        notes: &mut Notes<'_>,
    ) -> Option<String> {
        let from = section.required("from", "\"env:NAME\"", notes)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = from
            .value
            .strip_prefix("env:")
            .filter(|name| !name.is_empty() && name.chars().all(allowed));
        let Some(name) = name else {
            // What stands here may be the secret itself.
            notes
                .error(
                    &from.at,
                    &from.path,
                    "must be `env:` and the name of an environment variable",
                )
                .suggest(format!("`{}`", self.example(key)));
            return None;
        };
        let found = (self.context.env)(name);
        if found.is_none() {
            notes
                .error(
                    &from.at,
                    &from.path,
                    format!("the environment variable `{name}` is not set"),
                )
                .suggest(format!("set `{name}`, or name another"));
        }
        found
    }

    /// How to say it without the secret.
    fn example(&self, key: &str) -> String {
        let name: String = format!("{}_{key}", self.owner)
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        format!("{{ from = \"env:{name}\" }}")
    }
}
