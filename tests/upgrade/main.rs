//! Two versions of the functions on one table, as while a stack is updated: in mixed
//! conversations each call goes to the older or the newer version of its function.
//!
//! `tests/upgrade/run FROM` builds the older one and runs this; without it
//! (`BATON_TEST_OLDER_FUNCTIONS` names its folder) the test says that it is skipped, since
//! that build takes minutes.

use baton_local::invoke::{BoxFuture, Functions, InvokeError};
use baton_simulators::gladly::{SessionState, Speaker};
use baton_tests::built;
use baton_tests::processes::{Plan, ProcessHub};
use baton_tests::sandboxes::Sandboxes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const TICK: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_secs(60);

/// Which functions are the older ones.
const STAGES: [(&str, &[&str]); 6] = [
    ("all older", &ALL),
    ("older consumers of the stream", &["relay", "publish"]),
    ("older webhooks and sweep", &["gladly", "sweep"]),
    ("older commands", &["send", "handoff", "close"]),
    ("all newer", &[]),
    ("rolled back", &ALL),
];
const ALL: [&str; 7] = [
    "gladly", "send", "handoff", "close", "relay", "publish", "sweep",
];
/// When the webhook's former credentials end, long after the test, in ms.
const UNTIL: i64 = 4_000_000_000_000;

/// Either version; beyond the stages, by turns.
#[derive(Clone)]
struct Mixed {
    newer: Arc<dyn Functions>,
    older: Sandboxes,
    stage: Arc<AtomicUsize>,
    turn: Arc<AtomicU64>,
    called: Arc<Mutex<BTreeMap<(&'static str, String), u64>>>,
}

impl Functions for Mixed {
    fn invoke(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let stage = self.stage.load(Ordering::Relaxed);
        let older = match stage.checked_sub(1) {
            // Its environment is not known yet.
            None => false,
            Some(stage) => match STAGES.get(stage) {
                Some((_, older)) => older.contains(&function),
                None => self.turn.fetch_add(1, Ordering::Relaxed).is_multiple_of(2),
            },
        };
        let version = if older { "older" } else { "newer" };
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        *called.entry((version, function.to_owned())).or_default() += 1;
        match older {
            true => self.older.invoke(function, payload),
            false => self.newer.invoke(function, payload),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_share_a_table() {
    let Some(older) = std::env::var_os("BATON_TEST_OLDER_FUNCTIONS").map(PathBuf::from) else {
        println!("SKIPPED: tests/upgrade/run builds an older version and runs this");
        return;
    };
    let log = std::env::temp_dir().join(format!("baton-older-{}.log", std::process::id()));
    let older = Sandboxes::serve(&older, &log).await.expect("a port");
    let stage = Arc::new(AtomicUsize::new(0));
    let called = Arc::default();
    let mut plan = Plan::new(built::functions(&[]).expect("the functions can be built"));
    // So that each stage has a tick, and a batch behind the window of `publish`.
    plan.tick = TICK;
    let (sandboxes, at, counts) = (older.clone(), Arc::clone(&stage), Arc::clone(&called));
    plan.around_all = Some(Box::new(move |newer| {
        Arc::new(Mixed {
            newer,
            older: sandboxes,
            stage: at,
            turn: Arc::default(),
            called: counts,
        })
    }));
    let hub = ProcessHub::start(plan).await.expect("a hub");
    for spec in &hub.scene.template.functions {
        let environment = hub.scene.environment(&spec.name).expect("an environment");
        older.add(&spec.name, environment, spec.timeout);
    }

    as_a_newer_release_writes_it(&hub).await;

    // One conversation is opened at the first stage and goes on through all of them.
    for round in 1..=STAGES.len() + 2 {
        stage.store(round, Ordering::Relaxed);
        let name = STAGES.get(round - 1).map_or("by turns", |(name, _)| name);
        writes(&hub, "all-along", &format!("round {round}"), name).await;
        let (handed, closed) = (format!("handed-{round}"), format!("closed-{round}"));
        for customer in [&handed, &closed] {
            writes(&hub, customer, "hello", name).await;
        }
        hub.gladly
            .customer_writes(&handed, "I want an agent")
            .expect("it is written");
        hub.gladly
            .customer_writes(&closed, "bye")
            .expect("it is written");
        let passed = hub
            .gladly
            .wait_until(SOON, |sim| sim.agent_accepts(&handed, None).is_ok())
            .await;
        assert!(passed, "{name}: {:?}", hub.bot.failed_calls());
        let over = hub
            .gladly
            .wait_until(SOON, |sim| {
                let sessions = sim.sessions_of(&closed);
                sessions
                    .iter()
                    .all(|session| matches!(session.state, SessionState::Closed(_)))
            })
            .await;
        assert!(over, "{name}: {:?}", hub.bot.failed_calls());
        tokio::time::sleep(TICK).await;
        hub.caught_up().await.expect("the stream can be read");
    }
    hub.caught_up().await.expect("the stream can be read");
    assert!(
        hub.gladly.violations().is_empty(),
        "{:#?}",
        hub.gladly.violations()
    );
    assert_eq!(hub.gladly.repeated_bot_messages(), 0);
    let letters = hub.scene.dead_letters.recent();
    assert!(letters.is_empty(), "{letters:?}");
    let called: &Mutex<BTreeMap<(&'static str, String), u64>> = &called;
    for ((version, function), calls) in called.lock().unwrap_or_else(PoisonError::into_inner).iter()
    {
        println!("{version} {function}: {calls} calls");
    }
    let _gone = std::fs::remove_file(&log);
    hub.end().await;
}

/// The settings get fields that the older version has never heard of.
async fn as_a_newer_release_writes_it(hub: &ProcessHub) {
    let store = &hub.scene.store;
    let document = store.standing_settings().await.expect("the table");
    let mut document: Value = serde_json::from_str(&document.expect("settings")).expect("JSON");
    document["a_later_field"] = json!({"a": 1});
    document["endpoints"][0]["a_later_field"] = json!(["a"]);
    document["endpoints"][0]["accepts"][0]["until"] = json!(UNTIL);
    document["connections"][0]["a_later_field"] = json!("a");
    document["connections"][0]["policy"]["a_later_field"] = json!(true);
    let later = json!({"id": "later", "platform": "a-later-platform"});
    for list in ["endpoints", "connections"] {
        let list = document[list].as_array_mut().expect("a list");
        list.push(later.clone());
    }
    let written = store.put_settings_document(&document.to_string()).await;
    written.expect("the table");
}

/// A customer writes, and the bot answers.
async fn writes(hub: &ProcessHub, customer: &str, text: &str, stage: &str) {
    let heard = |least: usize| {
        let sessions = hub.gladly.sessions_of(customer);
        let texts = sessions
            .iter()
            .map(|session| session.texts(Speaker::Bot).len());
        texts.sum::<usize>() >= least
    };
    let before = (0..).take_while(|least| heard(*least)).count();
    hub.gladly
        .customer_writes(customer, text)
        .expect("it is written");
    let answered = hub.gladly.wait_until(SOON, |_| heard(before)).await;
    assert!(
        answered,
        "{stage}: nobody answers {customer}: {:?}",
        hub.bot.failed_calls()
    );
}
