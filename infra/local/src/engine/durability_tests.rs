use super::tests::{TABLE, prepare, put_new};
use super::*;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// Where the child of a test keeps its data.
const CHILD_FILE: &str = "BATON_TEST_ENGINE_FILE";

/// A private folder that goes with its test.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("baton-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("table.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn a_file_is_private_and_of_one_process() {
    let folder = Folder::new("private");
    let engine = Engine::open(Location::File(folder.file())).expect("opens");
    prepare(&engine).await;
    put_new(&engine.client(), "a", "1")
        .send()
        .await
        .expect("put");
    let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder.0), 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder.0).expect("a folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files += 1;
    }
    assert!(files >= 3, "database, journal and lock");
    assert_eq!(engine.data_folder(), Some(folder.0.as_path()));

    let second = Engine::open(Location::File(folder.file()));
    assert!(matches!(second, Err(EngineError::InUse(_))), "{second:?}");
    drop(engine);
    Engine::open(Location::File(folder.file())).expect("free again");

    std::fs::set_permissions(&folder.0, std::fs::Permissions::from_mode(0o755)).expect("set");
    let open = Engine::open(Location::File(folder.file()));
    assert!(matches!(open, Err(EngineError::NotPrivate(_))), "{open:?}");
}

/// The child of the test below: writes until it is killed, and says what was
/// acknowledged.
#[tokio::test]
async fn child_that_writes() {
    let Ok(file) = std::env::var(CHILD_FILE) else {
        return;
    };
    let engine = Engine::open(Location::File(file.into())).expect("opens");
    prepare(&engine).await;
    let client = engine.client();
    for number in 0.. {
        put_new(&client, "a", &format!("e#{number:06}"))
            .send()
            .await
            .expect("put");
        // libtest swallows what goes through `println!`.
        use std::io::Write;
        writeln!(std::io::stdout(), "\nwrote {number}").expect("a pipe");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = Folder::new("killed");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "engine::durability_tests::child_that_writes",
            "--nocapture",
        ])
        .env(CHILD_FILE, folder.file())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut acknowledged = 0;
    while acknowledged < 60 {
        let line = lines.next().expect("more").expect("text");
        if let Some(number) = line.strip_prefix("wrote ") {
            acknowledged = number.parse().expect("a number");
        }
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    for line in lines.map_while(Result::ok) {
        if let Some(number) = line.strip_prefix("wrote ") {
            acknowledged = number.parse().expect("a number");
        }
    }

    let engine = Engine::open(Location::File(folder.file())).expect("opens");
    prepare(&engine).await;
    let records = engine
        .stream_records(TABLE, None, 1_000)
        .await
        .expect("read")
        .records;
    assert!(
        records.len() > acknowledged,
        "{} of {acknowledged}",
        records.len()
    );
    for (number, record) in records.iter().enumerate() {
        assert_eq!(
            record["dynamodb"]["Keys"]["sk"]["S"],
            format!("e#{number:06}")
        );
    }
    let error = put_new(&engine.client(), "a", &format!("e#{acknowledged:06}"))
        .send()
        .await;
    assert!(error.is_err(), "the item is there");
}
