//! The real binary of `sweep`, given a slice and a tick with very much due: the
//! processor time and the memory that a sandbox needs. Linux only.
//!
//! Time is what the kernel's scheduler counted for the process's threads
//! (`/proc/<pid>/task/*/schedstat`), memory is `VmHWM` of `/proc/<pid>/status`. The
//! store is the embedded one behind a socket of this process, without TLS.

use super::cloud::Failed;
use super::sandbox::Work;
use crate::built::Process;
use crate::runtime_api::{Answer, RuntimeApi};
use crate::scene::{CONNECTION, Nobody, Parties, Scene};
use baton_domain::time::SECOND;
use baton_domain::{
    Actor, Command, Content, Fingerprint, Identity, News, PlatformEvent, Request, Timestamp,
    WorkResult,
};
use baton_hub::settings::Settings;
use baton_hub::source::{FixedSettings, SettingsCache};
use baton_hub::store::Loaded;
use baton_hub::store::due::Due;
use baton_hub::sweep::{SLICE, SLICE_EVENT, Slice};
use baton_hub::{Clock, Core, World};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a sandbox needs.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Processor time of a row of a slice, all its requests together.
    pub fired: Duration,
    /// Requests to the store for a row.
    pub requests: f64,
    /// Processor time of a row that a tick reads from the index and puts into a slice.
    pub read: Duration,
    /// The most memory with a slice in hand, in MB.
    pub slice_mb: f64,
    /// The most memory of a tick that found very much due, in MB.
    pub tick_mb: f64,
}

impl Needs {
    /// What the experiments charge.
    #[must_use]
    pub fn work(&self) -> Work {
        Work {
            request: self.fired.div_f64(self.requests.max(1.0)),
            row: self.read,
        }
    }
}

/// How long a tick with very much due is watched.
const WATCHED: Duration = Duration::from_secs(12);
/// How long a process may take until it asks for its first event.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// Measures the binary `sweep` in this folder, with `due` rows for the tick.
///
/// # Errors
/// When it does not do its work.
pub async fn measure(folder: &Path, due: usize) -> Result<Needs, Failed> {
    let binary = folder.join("sweep");
    let parties = Parties::of_samples("http://127.0.0.1:9", "http://127.0.0.1:9");
    let scene = Scene::set(&parties, Arc::new(Nobody)).await?;
    let mut needs = slice(&binary, &scene).await?;
    let (read, tick_mb) = tick(&binary, &scene, due).await?;
    needs.read = read;
    needs.tick_mb = tick_mb;
    Ok(needs)
}

/// What a slice costs: two of them, of which the second counts.
async fn slice(binary: &Path, scene: &Scene) -> Result<Needs, Failed> {
    let api = RuntimeApi::serve().await?;
    let environment = scene.environment("sweep")?;
    let process = Process::function(binary, "sweep", &api.address(), &environment)?;
    let mut asked = api.asked();
    tokio::time::timeout(STARTS_WITHIN, asked.wait_for(|count| *count > 0)).await??;
    let mut last = (Duration::ZERO, 0, Duration::ZERO, 0);
    for round in 0..2_usize {
        let rows = overdue(scene, round * SLICE, SLICE, 400 * SECOND).await?;
        let slice = serde_json::json!({"detail-type": SLICE_EVENT, "detail": Slice { rows }});
        let before = (processor(process.id())?, requests(scene));
        match api.invoke(slice.to_string().into_bytes()).await {
            Some(Answer::Response(_)) => {}
            other => return Err(format!("the slice failed: {other:?}").into()),
        }
        let after = (processor(process.id())?, requests(scene));
        last = (before.0, before.1, after.0, after.1);
    }
    let rows = f64::from(u32::try_from(SLICE)?);
    Ok(Needs {
        fired: (last.2 - last.0).div_f64(rows),
        requests: f64::from(u32::try_from(last.3 - last.1)?) / rows,
        read: Duration::ZERO,
        slice_mb: memory(process.id())?,
        tick_mb: 0.0,
    })
}

/// What a tick costs that finds very much due: processor time per row read, and memory.
async fn tick(binary: &Path, scene: &Scene, due: usize) -> Result<(Duration, f64), Failed> {
    overdue(scene, 10 * SLICE, due, 70 * SECOND).await?;
    let api = RuntimeApi::serve().await?;
    let environment = scene.environment("sweep")?;
    let process = Process::function(binary, "sweep", &api.address(), &environment)?;
    let mut asked = api.asked();
    tokio::time::timeout(STARTS_WITHIN, asked.wait_for(|count| *count > 0)).await??;
    let pages = || {
        let uses = scene.aws.uses();
        let index = uses
            .iter()
            .filter(|(used, _)| used.resource == "table/index/due");
        index.map(|(_, count)| *count).sum::<u64>()
    };
    let before = (processor(process.id())?, pages());
    let event = serde_json::json!({"detail-type": "Scheduled Event", "detail": {}});
    // It runs for minutes; nobody waits for it.
    let called = tokio::time::timeout(WATCHED, api.invoke(event.to_string().into_bytes())).await;
    if called.is_ok() {
        return Err("the tick ended too early".into());
    }
    let spent = processor(process.id())? - before.0;
    let rows = (pages() - before.1).saturating_mul(PAGE).max(1);
    Ok((
        spent.div_f64(f64::from(u32::try_from(rows)?)),
        memory(process.id())?,
    ))
}

/// Rows of a page, nearly all of which are full where very much is due.
const PAGE: u64 = 1_000;

fn requests(scene: &Scene) -> u64 {
    let uses = scene.aws.uses();
    let store = uses.iter().filter(|(used, _)| used.function == "sweep");
    store.map(|(_, count)| *count).sum()
}

/// Makes conversations that began `ago` milliseconds ago, answered by the bot where that
/// was long enough ago for its customer to count as silent now; and their rows.
async fn overdue(scene: &Scene, first: usize, count: usize, ago: i64) -> Result<Vec<Due>, Failed> {
    let past = Clock::of(Arc::new(Past(ago)));
    let core = Core {
        store: scene.store.clone(),
        clock: past.clone(),
        id_key: scene.id_key().into(),
        settings: SettingsCache::new(Arc::new(FixedSettings(Settings::default()))),
    };
    let settings = scene.settings.clone();
    let connection = settings
        .connections
        .get(CONNECTION)
        .ok_or("no connection")?;
    let give_up = Timestamp(i64::MAX);
    let mut rows = Vec::with_capacity(count);
    for number in first..first + count {
        let session = format!("tEst-Session-{number:09}");
        let id = core.id_key.held().unwrap().thread(CONNECTION, &session);
        let command = Command::News {
            identity: Some(Identity {
                connection: CONNECTION.to_owned(),
                name: session,
                address: "app_1".to_owned(),
                customer: Some(format!("customer-{number}")),
                conversation: None,
                channel: Some("CHAT".to_owned()),
            }),
            events: vec![PlatformEvent {
                id: Fingerprint::of(&[b"event", &number.to_be_bytes()]),
                at: past.now(),
                news: News::Message {
                    id: format!("{number:024x}"),
                    content: Content::text("Where is my order?"),
                    context: [].into(),
                },
            }],
            known_new: Vec::new(),
        };
        let ran = core
            .run(Loaded::nothing_yet(&id), connection, command, give_up)
            .await?;
        let entry = ran.entry.ok_or("nothing was appended")?;
        rows.push(Due {
            at: entry.due.ok_or("nothing is armed")?.seconds_up(),
            pk: id.as_str().to_owned(),
            sk: baton_hub::store::codec::entry_sk(entry.seq),
        });
        if ago > 300 * SECOND {
            let request = Request::by(Actor::Bot);
            let content = Content::text("On its way.");
            let send = Command::Send { request, content };
            let ran = core.run(ran.loaded, connection, send, give_up).await?;
            let work = ran.loaded.thread.outbox.first().ok_or("nothing queued")?;
            let done = Command::Outcome {
                work: work.place,
                result: WorkResult::done(Some(format!("sent-{number}"))),
                end_claim: None,
            };
            core.run(ran.loaded, connection, done, give_up).await?;
        }
    }
    Ok(rows)
}

/// The machine's clock, so many milliseconds ago.
#[derive(Debug)]
struct Past(i64);

impl World for Past {
    fn now(&self) -> Timestamp {
        Clock::real().now().plus(-self.0)
    }

    fn random(&self, buffer: &mut [u8]) {
        baton_hub::clock::RealWorld.random(buffer);
    }
}

/// Processor time that a process has used, all its threads together.
fn processor(process: u32) -> Result<Duration, Failed> {
    let mut spent = 0_u64;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split_whitespace().next().unwrap_or_default();
        spent += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(spent))
}

/// The most memory that a process has had, in MB (of 1,024 * 1,024).
fn memory(process: u32) -> Result<f64, Failed> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: f64 = kilobytes.ok_or("no VmHWM")?.parse()?;
    Ok(kilobytes / 1_024.0)
}
