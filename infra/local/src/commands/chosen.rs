//! What was put aside for the operator: one thing of it or all, and what became of them.

use super::say;
use serde::{Deserialize, Serialize};

/// What a command is about.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Its id, as the list has it.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(super) id: Option<String>,
    /// All of them, oldest first.
    #[arg(long)]
    all: bool,
}

impl Which {
    /// The path to ask below `things`: of one, of all, and of what is done to them. An id
    /// becomes a part of it: `known` lets nothing else through.
    pub(super) fn path(
        &self,
        things: &str,
        done: Option<&str>,
        known: impl Fn(&str) -> Result<String, String>,
    ) -> Result<String, String> {
        let mut path = format!("/{things}");
        if let Some(id) = &self.id {
            path += &format!("/{}", known(id)?);
        }
        if let Some(done) = done {
            path += &format!("/{done}");
        }
        Ok(path)
    }
}

/// What became of one thing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Its id.
    pub(super) id: String,
    /// Whether nothing is left to do about it.
    pub(super) gone: bool,
    /// What happened, for people.
    pub(super) words: String,
}

/// Says what became of each; `none` where there was nothing.
///
/// # Errors
/// Where something stays.
pub(super) fn report(outcomes: &[Outcome], none: &str) -> Result<(), String> {
    for outcome in outcomes {
        say(&format!("{}  {}\n", outcome.id, outcome.words));
    }
    let stay = outcomes.iter().filter(|outcome| !outcome.gone).count();
    match (outcomes.len(), stay) {
        (0, _) => {
            say(none);
            Ok(())
        }
        (_, 0) => Ok(()),
        (all, stay) => Err(format!("{stay} of {all} stay")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_part_of_the_path_and_nothing_else_is() {
        let one = |id: &str| Which {
            id: Some(id.to_owned()),
            all: false,
        };
        let known = |id: &str| match id.contains('/') {
            true => Err("no id".to_owned()),
            false => Ok(id.to_owned()),
        };
        let path = |which: &Which, done| which.path("things", done, known);
        assert_eq!(path(&one("a"), None), Ok("/things/a".to_owned()));
        assert_eq!(path(&one("a"), Some("do")), Ok("/things/a/do".to_owned()));
        assert!(path(&one("../a"), None).is_err());
        let all = Which {
            id: None,
            all: true,
        };
        assert_eq!(path(&all, Some("do")), Ok("/things/do".to_owned()));
    }

    #[test]
    fn what_stays_is_an_error() {
        let outcome = |gone| Outcome {
            id: "a".to_owned(),
            gone,
            words: "words".to_owned(),
        };
        assert_eq!(report(&[], "none\n"), Ok(()));
        assert_eq!(report(&[outcome(true)], "none\n"), Ok(()));
        let some = report(&[outcome(true), outcome(false)], "none\n");
        assert_eq!(some, Err("1 of 2 stay".to_owned()));
    }
}
