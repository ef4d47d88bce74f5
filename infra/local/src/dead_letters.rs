//! What was given up: batches of the stream, events and schedules whose
//! function failed to the end. On AWS these are in the queue `DeadLetters`.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How many are kept in memory; the file keeps all.
const RECENT: usize = 1_000;

/// The list of what was given up, shared by its clones.
#[derive(Clone, Debug, Default)]
pub struct DeadLetters {
    list: Arc<Mutex<List>>,
}

#[derive(Debug, Default)]
struct List {
    recent: VecDeque<Value>,
    file: Option<PathBuf>,
}

impl DeadLetters {
    /// A list in memory.
    #[must_use]
    pub fn memory() -> Self {
        Self::default()
    }

    /// The list in `dead-letters.jsonl` of a data folder: one JSON object a line,
    /// mode 0600. What an earlier process gave up is on it.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn in_folder(folder: &Path) -> std::io::Result<Self> {
        let path = folder.join("dead-letters.jsonl");
        let file = open(&path)?;
        let mut recent = VecDeque::new();
        for line in BufReader::new(file).lines() {
            // A line that a crash cut off is no letter.
            if let Ok(letter) = serde_json::from_str(&line?) {
                push(&mut recent, letter);
            }
        }
        Ok(Self {
            list: Arc::new(Mutex::new(List {
                recent,
                file: Some(path),
            })),
        })
    }

    /// Adds one: which function did not take it, why, and what it was. Stream
    /// batches are named, not quoted, as on AWS.
    pub fn add(&self, function: &str, reason: &str, what: &Value) {
        tracing::error!(function, reason, "gave up a call; it is a dead letter");
        let letter = serde_json::json!({
            "time": Timestamp::now().to_string(),
            "function": function,
            "reason": reason,
            "what": what,
        });
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &list.file
            && let Err(error) = append(path, &letter)
        {
            tracing::error!(%error, "a dead letter could not be written to its file");
        }
        push(&mut list.recent, letter);
    }

    /// The last thousand, oldest first: objects of `time`, `function`, `reason`
    /// and `what`.
    #[must_use]
    pub fn recent(&self) -> Vec<Value> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.recent.iter().cloned().collect()
    }
}

impl DeadLetters {
    /// Removes the letters of this id, see [`id_of`], from the list and its file.
    ///
    /// # Errors
    /// When the file cannot be read or written; then nothing is removed.
    pub fn remove(&self, id: &str) -> std::io::Result<()> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &list.file {
            let stays = |line: &String| {
                let letter = serde_json::from_str::<Value>(line);
                // A line that a crash cut off goes with the first that is removed.
                letter.is_ok_and(|letter| id_of(&letter) != id)
            };
            let lines = BufReader::new(open(path)?).lines();
            let lines = lines.collect::<std::io::Result<Vec<String>>>()?;
            let rest: String = lines
                .into_iter()
                .filter(stays)
                .flat_map(|line| [line, "\n".to_owned()])
                .collect();
            let fresh = path.with_extension("new");
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(rest.as_bytes())?;
            file.sync_data()?;
            std::fs::rename(&fresh, path)?;
        }
        list.recent.retain(|letter| id_of(letter) != id);
        Ok(())
    }
}

/// The id of a letter: the first 8 hexadecimal digits of its SHA-256. Two that are the
/// same in all they say are one to an operator.
#[must_use]
pub fn id_of(letter: &Value) -> String {
    let digest = Sha256::digest(letter.to_string().as_bytes());
    digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn push(recent: &mut VecDeque<Value>, letter: Value) {
    if recent.len() >= RECENT {
        recent.pop_front();
    }
    recent.push_back(letter);
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn append(path: &Path, letter: &Value) -> std::io::Result<()> {
    let mut file = open(path)?;
    // One write call, so that lines never mix.
    file.write_all(format!("{letter}\n").as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn letters_outlive_the_process_and_skip_cut_lines() {
        let folder = std::env::temp_dir().join(format!("baton-letters-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let letters = DeadLetters::in_folder(&folder).expect("a list");
        letters.add("relay", "it failed", &json!({"batchSize": 1}));
        let mut file = open(&folder.join("dead-letters.jsonl")).expect("the file");
        file.write_all(b"{\"time\":").expect("written");
        drop(file);

        let again = DeadLetters::in_folder(&folder).expect("a list").recent();
        std::fs::remove_dir_all(&folder).expect("gone");
        assert_eq!(again.len(), 1);
        assert_eq!(again[0]["function"], "relay");
        assert_eq!(again[0]["what"]["batchSize"], 1);
        assert_eq!(again, letters.recent());
    }

    #[test]
    fn a_letter_that_is_removed_is_gone_from_the_file_too() {
        let folder = std::env::temp_dir().join(format!("baton-removed-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let letters = DeadLetters::in_folder(&folder).expect("a list");
        letters.add("relay", "it failed", &json!({"batchSize": 1}));
        letters.add("publish", "it failed", &json!({"batchSize": 2}));
        let first = id_of(&letters.recent()[0]);
        letters.remove(&first).expect("it is written");
        let again = DeadLetters::in_folder(&folder).expect("a list").recent();
        std::fs::remove_dir_all(&folder).expect("gone");
        assert_eq!(again, letters.recent());
        assert_eq!(again.len(), 1);
        assert_eq!(again[0]["function"], "publish");
    }
}
