//! Customers: dozens at once, one conversation after the other. Each writes, waits for
//! the bot, and in the end says goodbye, goes on to an agent who closes, or just stops.

use crate::world::World;
use baton_simulators::gladly::{GladlySim, SessionState, SessionTranscript, Speaker};
use baton_simulators::random::Random;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long anybody may wait for anything once there is peace: the next tick, a claim of
/// 30 s that nobody ended, and the bot's next try after that.
const STUCK_AFTER: Duration = Duration::from_secs(90);
/// Between two looks at what has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How a conversation was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The customer asked for an agent, who accepted, answered and closed.
    Agent,
    /// The customer said goodbye and the bot closed.
    Bye,
    /// The customer just stopped.
    Open,
}

/// A conversation as it was meant to be.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    pub(crate) session: String,
    /// What the customer wrote, in order; no two are the same.
    pub(crate) wrote: Vec<String>,
    /// How many of these the bot answers with a message.
    pub(crate) answers: usize,
    pub(crate) end: End,
    /// What the customer waited for in vain.
    pub(crate) stuck: Option<String>,
    /// The longest that an answer took.
    pub(crate) longest: Duration,
}

impl Chat {
    /// Whether somebody closes it.
    pub(crate) fn ends(&self) -> bool {
        self.end != End::Open && self.stuck.is_none()
    }
}

/// The customers.
pub(crate) struct Load {
    tasks: JoinSet<Vec<Chat>>,
    signs: Arc<Signs>,
}

#[derive(Debug, Default)]
struct Signs {
    /// No conversation begins any more.
    peace: AtomicBool,
    begun: AtomicU64,
}

/// Lets so many customers begin, each with one conversation after the other.
pub(crate) fn start(world: &World, seed: u64, customers: u64) -> Load {
    let signs = Arc::new(Signs::default());
    let mut tasks = JoinSet::new();
    for customer in 0..customers {
        let customer = Customer {
            gladly: world.gladly.clone(),
            signs: Arc::clone(&signs),
            random: Random::keyed(seed, &format!("customer {customer}")),
            peace_since: None,
        };
        tasks.spawn(customer.live());
    }
    Load { tasks, signs }
}

impl Load {
    /// Lets no further conversation begin and waits for those that are under way.
    pub(crate) async fn finish(self) -> Vec<Chat> {
        self.signs.peace.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}

struct Customer {
    gladly: GladlySim,
    signs: Arc<Signs>,
    random: Random,
    peace_since: Option<Instant>,
}

impl Customer {
    async fn live(mut self) -> Vec<Chat> {
        let mut chats = Vec::new();
        while !self.signs.peace.load(Ordering::Relaxed) {
            let number = self.signs.begun.fetch_add(1, Ordering::Relaxed);
            chats.push(self.talk(&format!("c{number}")).await);
        }
        chats
    }

    async fn talk(&mut self, name: &str) -> Chat {
        let hello = format!("hello, this is {name}");
        let first = self.gladly.customer_writes(name, &hello);
        let session = first.expect("it can be written").session_id;
        let mut chat = Chat {
            session: session.expect("an automation session"),
            wrote: vec![hello],
            answers: 1,
            end: match self.random.below(10) {
                0..=4 => End::Agent,
                5..=7 => End::Bye,
                _ => End::Open,
            },
            stuck: None,
            longest: Duration::ZERO,
        };
        if let Err(what) = self.go_through(name, &mut chat).await {
            chat.stuck = Some(format!("{name}: {what}"));
        }
        chat
    }

    async fn go_through(&mut self, name: &str, chat: &mut Chat) -> Result<(), String> {
        self.answered(chat).await?;
        let mut extras = vec!["html", "slow 1", "order status"];
        for round in 0..=self.random.below(2) {
            for part in 0..=self.random.below(2) {
                let text = match self.random.below(6) {
                    0 if !extras.is_empty() => extras.remove(0).to_owned(),
                    _ => format!("question {round}.{part} of {name}"),
                };
                self.write(name, chat, text)?;
                chat.answers += 1;
                self.rest(40).await;
            }
            self.answered(chat).await?;
            self.rest(200).await;
        }
        match chat.end {
            End::Open => Ok(()),
            End::Bye => {
                self.write(name, chat, "bye".to_owned())?;
                self.until(chat, "the close", |session| {
                    matches!(session.state, SessionState::Closed(_))
                })
                .await
            }
            End::Agent => {
                self.write(name, chat, format!("{name} wants an agent"))?;
                self.until(chat, "the handoff", |session| {
                    session.state == SessionState::HandedOff
                })
                .await?;
                self.gladly.agent_accepts(name, None)?;
                self.rest(100).await;
                self.gladly.agent_replies(name, "how can I help?")?;
                self.rest(100).await;
                self.gladly.agent_closes(name)
            }
        }
    }

    fn write(&self, name: &str, chat: &mut Chat, text: String) -> Result<(), String> {
        let written = self.gladly.customer_writes(name, &text)?;
        if written.session_id.as_ref() != Some(&chat.session) {
            return Err(format!("the session ended before {text:?} was written"));
        }
        chat.wrote.push(text);
        Ok(())
    }

    async fn answered(&mut self, chat: &mut Chat) -> Result<(), String> {
        let answers = chat.answers;
        self.until(chat, "an answer", |session| {
            session.texts(Speaker::Bot).len() >= answers
        })
        .await
    }

    async fn until(
        &mut self,
        chat: &mut Chat,
        what: &str,
        reached: impl Fn(&SessionTranscript) -> bool,
    ) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let session = self.gladly.session(&chat.session).ok_or("no session")?;
            chat.longest = chat.longest.max(began.elapsed());
            if reached(&session) {
                return Ok(());
            }
            if self.signs.peace.load(Ordering::Relaxed)
                && self.peace_since.get_or_insert_with(Instant::now).elapsed() > STUCK_AFTER
            {
                return Err(format!("waited in vain for {what}: {session:#?}"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn rest(&mut self, most_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.random.below(most_ms))).await;
    }
}
