//! One conversation on Gladly, driven through the domain and the store with the
//! steps that the functions take, on a clock of its own.

use crate::engines::{self, Table};
use crate::material::{START, id_key, identity, print};
use baton_domain::time::{DAY, SECOND};
use baton_domain::{
    Actor, Aftercare, Command, CommandId, Content, ControlAsk, ConversationId, Event, Fingerprint,
    Holder, KeyUse, News, Parcel, PlatformEvent, Policy, Rejection, Request, ThreadId, Timestamp,
    WorkResult, decide, next_wake, plan, timers,
};
use baton_hub::store::directory::Listed;
use baton_hub::store::rows::Row;
use baton_hub::store::{Appended, Loaded};

/// What a wake arms. The sweep's is `Lazy`; the others are there to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arming {
    /// Always the exact next moment, on the checkpoint.
    Exact,
    /// The exact next moment, unless something earlier is armed already.
    Lazy,
    /// As `Lazy`, but while the chat is lively no later than a bot's debt that began
    /// now: no message has to arm then.
    Steady,
}

/// The conversation and what is around it.
pub(crate) struct Conversation {
    pub(crate) table: Table,
    policy: Policy,
    arming: Arming,
    id: ThreadId,
    now: Timestamp,
    told: u64,
    commands: u64,
    /// Armed entries: their second and seq.
    rows: Vec<(i64, u64)>,
    /// The second armed on the checkpoint.
    checkpoint_due: Option<i64>,
    pub(crate) wakes: u32,
    /// Whether requests carry idempotency keys.
    keys: bool,
}

impl Conversation {
    pub(crate) async fn new(arming: Arming, keys: bool) -> Self {
        Self {
            table: engines::embedded().await,
            policy: Policy::gladly(Some("tEstInb0x-Slug01234567".to_owned())),
            arming,
            id: id_key().thread("shop-chat", &identity().name),
            now: START,
            told: 0,
            commands: 0,
            rows: Vec::new(),
            checkpoint_due: None,
            wakes: 0,
            keys,
        }
    }

    pub(crate) fn id(&self) -> &ThreadId {
        &self.id
    }

    /// Moves the clock to `millis` after the start; what is due before then fires,
    /// half a second after its time.
    pub(crate) async fn until(&mut self, millis: i64) {
        let end = START.plus(millis);
        loop {
            let by_entry = self.rows.iter().map(|(at, seq)| (*at, Some(*seq)));
            let by_checkpoint = self.checkpoint_due.map(|at| (at, None));
            let Some((at, seq)) = by_entry.chain(by_checkpoint).min() else {
                break;
            };
            let fires = Timestamp(at * SECOND + SECOND / 2).max(self.now);
            if fires > end {
                break;
            }
            self.now = fires;
            self.wake(seq).await;
        }
        self.now = self.now.max(end);
    }

    /// Until nothing is armed any more.
    pub(crate) async fn run_out(&mut self) {
        self.until(6 * DAY).await;
    }

    async fn load(&self) -> Loaded {
        self.table.store.load(&self.id).await.expect("a load")
    }

    /// Decides, appends, and in parallel writes the checkpoint of what was read, if
    /// one is due. Nothing to do is nothing to write.
    async fn run(&mut self, mut loaded: Loaded, mut command: Command) -> Loaded {
        let mut decided = decide(&loaded.thread, &command, &self.policy, self.now);
        if decided == Err(Rejection::KeyUnsure) {
            let day_ago = self.now.plus(-DAY);
            let found = self.table.store.search(&self.id, day_ago, |_| false).await;
            assert!(!found.expect("a search"));
            if let Command::Send { request, .. } | Command::Control { request, .. } = &mut command {
                request.key_is_new = true;
            }
            decided = decide(&loaded.thread, &command, &self.policy, self.now);
        }
        let events = decided.expect("it is not turned down");
        if events.is_empty() {
            return loaded;
        }
        self.commands += 1;
        let command = CommandId(format!("command{:09}", self.commands));
        let due = loaded.armed_on_checkpoint();
        let (entry, _) = plan(&loaded.thread, events, command, &self.policy, self.now, due);
        let expires = entry.at.plus(90 * DAY);
        let done = self.table.store.append(&self.id, &entry, expires).await;
        assert!(matches!(done, Ok(Appended::Yes)));
        if loaded.wants_checkpoint() {
            let written = self
                .table
                .store
                .checkpoint(&self.id, &loaded.thread, expires)
                .await;
            written.expect("a checkpoint");
            loaded.folded = 0;
        }
        self.rows
            .extend(entry.due.map(|due| (due.seconds_up(), entry.seq)));
        loaded.push(entry);
        loaded
    }

    /// The customer writes; the relay tells the bot.
    pub(crate) async fn customer(&mut self, text: &str) {
        self.told += 1;
        let event = self.message(self.told, text);
        let before = self.load().await;
        let after = self.news(before, event).await;
        assert!(after.thread.bot_holds());
        let seq = after.thread.seq;
        self.table
            .store
            .load_with(&self.id, seq)
            .await
            .expect("the relay's load");
        self.publish().await;
    }

    /// The webhook of the last message comes once more.
    pub(crate) async fn duplicate(&mut self) {
        let event = self.message(self.told, "again");
        let before = self.load().await;
        let seq = before.thread.seq;
        assert_eq!(
            self.news(before, event).await.thread.seq,
            seq,
            "a duplicate writes nothing"
        );
    }

    fn message(&self, n: u64, text: &str) -> PlatformEvent {
        let news = News::Message {
            id: format!("{n:024x}"),
            content: Content::text(text),
            context: [].into(),
        };
        PlatformEvent {
            id: print(n),
            at: self.now.plus(-150),
            news,
        }
    }

    async fn news(&mut self, before: Loaded, event: PlatformEvent) -> Loaded {
        let command = Command::News {
            identity: Some(identity()),
            events: vec![event],
            known_new: Vec::new(),
        };
        self.run(before, command).await
    }

    fn request(&mut self, by: Actor) -> Request {
        let mut request = Request::by(by);
        request.claim_until = Some(self.now.plus(10 * SECOND));
        let number = self.commands.to_be_bytes();
        request.key = self.keys.then(|| KeyUse {
            key: Fingerprint::of(&[b"key", &number]),
            body: Fingerprint::of(&[b"body", &number]),
        });
        request
    }

    /// The bot speaks, and the platform takes it.
    pub(crate) async fn bot(&mut self, text: &str) {
        let request = self.request(Actor::Bot);
        let loaded = self.load().await;
        let loaded = self
            .run(
                loaded,
                Command::Send {
                    request,
                    content: Content::text(text),
                },
            )
            .await;
        self.now = self.now.plus(250);
        let id = format!("{:024x}", 1_000_000 + self.commands);
        self.outcome(loaded, WorkResult::done(Some(id))).await;
    }

    async fn outcome(&mut self, loaded: Loaded, result: WorkResult) -> Loaded {
        let work = loaded.thread.outbox.first().expect("work waits").place;
        self.run(
            loaded,
            Command::Outcome {
                work,
                result,
                end_claim: None,
            },
        )
        .await
    }

    /// The bot hands off: the pass, then the parcel's rest as a note.
    pub(crate) async fn handoff(&mut self) {
        let parcel = Parcel {
            reason: "The customer asks for a person".to_owned(),
            fields: [
                ("order".to_owned(), "A-1729".to_owned()),
                ("topic".to_owned(), "delivery".to_owned()),
            ]
            .into(),
            summary: Some(
                "Wants to know where the order is; the tracking page is empty.".to_owned(),
            ),
        };
        let ask = ControlAsk::Pass {
            to: Holder::Queue(None),
            parcel,
        };
        let request = self.request(Actor::Bot);
        let loaded = self.load().await;
        let loaded = self.run(loaded, Command::Control { request, ask }).await;
        self.now = self.now.plus(300);
        let owed = vec![Aftercare::Note];
        let loaded = self
            .outcome(
                loaded,
                WorkResult::Done {
                    platform_id: None,
                    holder: None,
                    owed,
                },
            )
            .await;
        self.now = self.now.plus(300);
        let loaded = self.outcome(loaded, WorkResult::done(None)).await;
        assert!(loaded.thread.outbox.is_empty() && !loaded.thread.bot_holds());
        self.publish().await;
    }

    /// The platform closes; its event names only the conversation.
    pub(crate) async fn platform_closes(&mut self) {
        self.told += 1;
        let listed = self
            .table
            .store
            .listed("digest-of-the-conversation")
            .await
            .expect("the directory");
        assert_eq!(listed.map(|listed| listed.thread).as_ref(), Some(&self.id));
        let before = self.load().await;
        let event = PlatformEvent {
            id: print(self.told),
            at: self.now,
            news: News::Closed,
        };
        let after = self.news(before, event).await;
        assert!(after.thread.open().is_none());
        self.publish().await;
    }

    /// What is derived from the newest entry, where it leaves that.
    async fn publish(&mut self) {
        let store = &self.table.store;
        let loaded = self.table.reader().load(&self.id).await.expect("a load");
        let last: Vec<_> = loaded.tail.iter().rev().take(2).collect();
        if last.iter().any(|entry| {
            entry
                .events
                .iter()
                .any(|event| matches!(event, Event::Opened { .. }))
        }) {
            let name = "digest-of-the-conversation";
            assert!(store.listed(name).await.expect("the directory").is_none());
            let listed = Listed {
                thread: self.id.clone(),
                connection: "shop-chat".to_owned(),
                at: self.now,
            };
            assert!(store.list_name(name, &listed).await.expect("the directory"));
        }
        if last.iter().any(|entry| entry.leaves.row) {
            let loaded = store
                .load_with(&self.id, loaded.thread.seq)
                .await
                .expect("a load");
            store.put_row(&row_of(&loaded)).await.expect("a row");
        }
    }

    async fn wake(&mut self, armed_entry: Option<u64>) {
        self.wakes += 1;
        let loaded = self.load().await;
        let claim_until = Some(self.now.plus(10 * SECOND));
        let loaded = self.run(loaded, Command::Wake { claim_until }).await;
        let next = (!timers::at_rest(&loaded.thread))
            .then(|| next_wake(&loaded.thread, &self.policy, self.now).max(self.now.plus(SECOND)));
        let early_enough = |armed: Option<Timestamp>| {
            timers::relied_on(armed, self.now).filter(|at| next.is_some_and(|next| *at <= next))
        };
        let lazy = self.arming != Arming::Exact;
        let by_checkpoint = early_enough(loaded.armed_on_checkpoint()).filter(|_| lazy);
        let by_entry = early_enough(loaded.thread.armed).filter(|_| lazy);
        if by_checkpoint.is_none() && !(by_entry.is_some() && armed_entry.is_some()) {
            let next = match (self.arming, next, by_entry) {
                (_, _, Some(_)) | (_, None, _) => None,
                (Arming::Steady, Some(next), None) => Some(next.min(self.soonest_debt(&loaded))),
                (_, next, _) => next,
            };
            let expires = loaded.thread.last_at.plus(90 * DAY);
            let put = self
                .table
                .store
                .rearm(
                    &self.id,
                    loaded.checkpoint_due,
                    next,
                    Some((&loaded.thread, expires)),
                )
                .await;
            assert!(put.expect("a wake"));
            self.checkpoint_due = next.map(Timestamp::seconds_up);
        }
        if let Some(seq) = armed_entry {
            assert!(
                self.table
                    .store
                    .disarm(&self.id, seq)
                    .await
                    .expect("a disarming")
            );
            self.rows.retain(|(_, armed)| *armed != seq);
        }
    }

    /// When a debt that begins now would be due, while the bot is in a lively chat.
    fn soonest_debt(&self, loaded: &Loaded) -> Timestamp {
        let owes = self.policy.timers.bot_owes.unwrap_or(i64::MAX);
        let lively = loaded
            .thread
            .open()
            .is_some_and(|open| open.holder == Holder::Bot && self.now.since(open.heard_at) < owes);
        if lively {
            self.now.plus(owes)
        } else {
            Timestamp(i64::MAX)
        }
    }
}

fn row_of(loaded: &Loaded) -> Row {
    let conversation = loaded.thread.conversation.as_ref().expect("a conversation");
    Row {
        conversation: ConversationId::new(&loaded.id, conversation.first_seq),
        connection: loaded.thread.identity.connection.clone(),
        seq: loaded.thread.seq,
        opened_at: conversation.opened_at,
        holder: conversation.holder.clone(),
        since: conversation.holder_since,
        epoch: loaded.thread.epoch,
        closed_at: conversation.closed.as_ref().map(|closing| closing.at),
        reason: conversation.closed.as_ref().map(|closing| closing.reason),
        ledger: conversation.ledger,
    }
}
