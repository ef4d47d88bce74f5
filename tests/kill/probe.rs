//! A bot that writes all the time, whether or not anybody asked: so that sends, too,
//! meet whatever the weather is.

use crate::world::World;
use baton_simulators::bot::SampleBot;
use baton_simulators::gladly::Speaker;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Between two messages.
const EVERY: Duration = Duration::from_millis(600);
/// How long the last of them may take once the weather is good.
const ARRIVES_WITHIN: Duration = Duration::from_secs(75);

/// A message that was sent, and the status it was answered with.
struct Sent {
    text: String,
    status: u16,
}

/// The writing bot.
pub(crate) struct Probe {
    session: String,
    stop: watch::Sender<bool>,
    writing: JoinHandle<Vec<Sent>>,
}

/// What came of it.
pub(crate) struct Probed {
    /// Answered 2xx.
    pub(crate) accepted: usize,
    /// Answered otherwise.
    pub(crate) refused: usize,
    /// What is wrong, in words.
    pub(crate) wrong: Vec<String>,
}

impl Probe {
    /// Opens a conversation in which the sample bot is silent, and begins to write.
    pub(crate) async fn start(world: &World) -> Self {
        let written = world.gladly.customer_writes("probe", "silent");
        let session = written.expect("it can be written").session_id;
        let told = |bot: &SampleBot| {
            let told = bot.told().into_iter();
            told.filter(|told| told.text.as_deref() == Some("silent"))
                .find_map(|told| told.session_id)
        };
        let known = |bot: &SampleBot| told(bot).is_some();
        let known = world.bot.wait_until(Duration::from_secs(20), known).await;
        assert!(known, "the bot is told");
        let url = format!(
            "{}/gladly/api/v1/message-automation/sessions/{}/messages",
            world.front,
            told(&world.bot).expect("a session")
        );
        let (stop, stopped) = watch::channel(false);
        Self {
            session: session.expect("an automation session"),
            stop,
            writing: tokio::spawn(write(url, stopped)),
        }
    }

    /// Stops writing, and waits until all is there that was accepted.
    pub(crate) async fn finish(self, world: &World) -> Probed {
        self.stop.send_replace(true);
        let sent = self.writing.await.expect("it writes to the end");
        let is_accepted = |sent: &&Sent| (200..300).contains(&sent.status);
        let came = |text: &str| {
            let session = world.gladly.session(&self.session).expect("the session");
            let texts = session.texts(Speaker::Bot);
            texts.iter().filter(|came| **came == text).count()
        };
        let end = Instant::now() + ARRIVES_WITHIN;
        while sent
            .iter()
            .filter(is_accepted)
            .any(|it| came(&it.text) == 0)
            && Instant::now() < end
        {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let mut probed = Probed {
            accepted: sent.iter().filter(is_accepted).count(),
            refused: sent.len(),
            wrong: Vec::new(),
        };
        probed.refused -= probed.accepted;
        for one in &sent {
            let times = came(&one.text);
            // What was not accepted may have come all the same, but not twice.
            let least = usize::from(is_accepted(&one));
            if times > 1 || times < least {
                let Sent { text, status } = one;
                let words = format!("{text:?}, answered {status}, came {times} times");
                probed.wrong.push(words);
            }
        }
        probed
    }
}

/// Sends a message now and then, each without waiting for the one before.
async fn write(url: String, stopped: watch::Receiver<bool>) -> Vec<Sent> {
    let client = reqwest::Client::new();
    let mut calls = JoinSet::new();
    for number in 0.. {
        if *stopped.borrow() {
            break;
        }
        let text = format!("probe {number}");
        let call = client
            .post(&url)
            .basic_auth("bot", Some("test-token-bot"))
            .header("content-type", "application/json")
            .body(json!({"type": "TEXT", "content": {"value": text}}).to_string());
        calls.spawn(async move {
            let answer = call.send().await;
            Sent {
                text,
                status: answer.map_or(0, |answer| answer.status().as_u16()),
            }
        });
        tokio::time::sleep(EVERY).await;
    }
    calls.join_all().await
}
