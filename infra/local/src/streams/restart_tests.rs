use super::tests::{Recorder, TABLE, keys, mapping, prepared, put};
use super::*;
use crate::engine::Location;
use crate::invoke::{BoxFuture, InvokeError};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where the child of the test keeps its data.
const CHILD_FILE: &str = "BATON_TEST_STREAM_FILE";

/// A function that tells the parent process what it was called for.
struct Teller;

impl Functions for Teller {
    fn invoke(
        &self,
        _function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let event: Value = serde_json::from_slice(&payload).expect("JSON");
        for key in keys(&event) {
            say(&format!("read {key}"));
        }
        Box::pin(async { Ok(b"{}".to_vec()) })
    }
}

fn say(what: &str) {
    writeln!(std::io::stdout(), "\n{what}").expect("a pipe");
}

/// The child of the test below: writes and reads until it is killed.
#[tokio::test]
async fn child_that_reads() {
    let Ok(file) = std::env::var(CHILD_FILE) else {
        return;
    };
    let engine = Engine::open(Location::File(file.into())).expect("opens");
    let client = prepared(&engine).await;
    let functions: Arc<dyn Functions> = Arc::new(Teller);
    let letters = DeadLetters::memory();
    let _streams = Streams::start(&engine, TABLE, &[mapping()], &functions, &letters)
        .await
        .expect("starts");
    for number in 0.. {
        let key = format!("e#{number:06}");
        put(&client, &key).await;
        say(&format!("wrote {key}"));
    }
}

#[tokio::test]
async fn a_reader_goes_on_after_a_kill_and_misses_nothing() {
    let folder: PathBuf = std::env::temp_dir().join(format!("baton-stream-{}", std::process::id()));
    let file = folder.join("table.db");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "streams::restart_tests::child_that_reads",
            "--nocapture",
        ])
        .env(CHILD_FILE, &file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let (mut wrote, mut read) = (BTreeSet::new(), BTreeSet::new());
    let mut note = |line: String, read_here: &mut usize| {
        if let Some(key) = line.strip_prefix("wrote ") {
            wrote.insert(key.to_owned());
        } else if let Some(key) = line.strip_prefix("read ") {
            read.insert(key.to_owned());
            *read_here += 1;
        }
    };
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut count = 0;
    while count < 50 {
        note(lines.next().expect("more").expect("text"), &mut count);
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    for line in lines.map_while(Result::ok) {
        note(line, &mut count);
    }

    let engine = Engine::open(Location::File(file)).expect("opens");
    let client = prepared(&engine).await;
    put(&client, "e#last").await;
    let recorder = Recorder::new(|_, _| Ok(json!({})));
    let functions: Arc<dyn Functions> = recorder.clone();
    let letters = DeadLetters::in_folder(&folder).expect("a list");
    let streams = Streams::start(&engine, TABLE, &[mapping()], &functions, &letters)
        .await
        .expect("starts");
    streams.caught_up().await.expect("read");
    streams.stop().await;
    drop(engine);
    std::fs::remove_dir_all(&folder).expect("gone");

    let again: Vec<String> = recorder.keys().into_iter().flatten().collect();
    assert!(
        !again.contains(&"e#000000".to_owned()),
        "not from the start: {again:?}"
    );
    assert_eq!(again.last().map(String::as_str), Some("e#last"));
    let repeated = again.iter().filter(|key| read.contains(*key)).count();
    assert!(
        repeated <= 4,
        "at most the batch in flight comes again, not {repeated}"
    );
    read.extend(again);
    assert!(wrote.is_subset(&read), "{:?}", wrote.difference(&read));
}
