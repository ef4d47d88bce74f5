//! One conversation on Gladly, driven through the domain and the store with the
//! steps that the functions take, on a clock of its own.

use super::Table;
use baton_domain::arming::{Aside, Look, next_look};
use baton_domain::time::{DAY, SECOND};
use baton_domain::{
    Actor, Command, CommandId, Content, ControlAsk, ConversationId, Event, Fingerprint, Holder,
    IdKey, Identity, KeyUse, News, Parcel, PlatformEvent, Policy, Rejection, Request, ThreadId,
    Timestamp, WorkResult, decide, plan,
};
use baton_hub::store::directory::Listed;
use baton_hub::store::rows::Row;
use baton_hub::store::{Appended, Loaded};

/// When it begins: 2026-11-20T10:00:00Z.
const START: Timestamp = Timestamp(1_795_168_800_000);
/// A tick of the sweep's rule comes this often; the sweep that takes over then looks at
/// every row that stands.
const TICK: i64 = 60 * SECOND;

/// An armed entry in the index.
#[derive(Clone, Copy)]
struct Armed {
    second: i64,
    seq: u64,
    /// When the sweep that watches the thread looks next.
    look: Option<Timestamp>,
}

/// The conversation and what is around it.
pub(super) struct Conversation {
    pub(super) table: Table,
    policy: Policy,
    id: ThreadId,
    now: Timestamp,
    told: u64,
    commands: u64,
    rows: Vec<Armed>,
    /// The second armed on the checkpoint.
    checkpoint_due: Option<i64>,
    pub(super) wakes: u32,
    /// Whether requests carry idempotency keys.
    keys: bool,
}

impl Conversation {
    pub(super) async fn new(keys: bool) -> Self {
        let id_key = IdKey::new(*b"test-secret-id-key-0123456789abc");
        Self {
            table: Table::new().await,
            policy: Policy::gladly(Some("tEstInb0x-Slug01234567".to_owned())),
            id: id_key.thread("shop-chat", &identity().name),
            now: START,
            told: 0,
            commands: 0,
            rows: Vec::new(),
            checkpoint_due: None,
            wakes: 0,
            keys,
        }
    }

    pub(super) fn id(&self) -> &ThreadId {
        &self.id
    }

    /// Moves the clock to `millis` after the start; what is due before then fires,
    /// half a second after its time.
    pub(super) async fn until(&mut self, millis: i64) {
        let end = START.plus(millis);
        loop {
            let entries = self.rows.iter().map(|row| {
                let fires = match row.look {
                    // By the sweep that watches, or by the one that takes over before.
                    Some(look) => look.plus(SECOND / 2).min(self.next_tick()),
                    None => Timestamp(row.second * SECOND + SECOND / 2),
                };
                (fires, Some(row.seq))
            });
            let checkpoint = self
                .checkpoint_due
                .map(|second| (Timestamp(second * SECOND + SECOND / 2), None));
            let Some((fires, seq)) = entries.chain(checkpoint).min() else {
                break;
            };
            if fires > end {
                break;
            }
            self.now = self.now.max(fires);
            self.wake(seq).await;
        }
        self.now = self.now.max(end);
    }

    /// Until nothing is armed any more.
    pub(super) async fn run_out(&mut self) {
        self.until(9 * DAY).await;
        assert!(self.rows.is_empty() && self.checkpoint_due.is_none());
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
        self.rows.extend(entry.due.map(|due| Armed {
            second: due.seconds_up(),
            seq: entry.seq,
            look: None,
        }));
        loaded.push(entry);
        loaded
    }

    /// The customer writes; the relay tells the bot.
    pub(super) async fn customer(&mut self, text: &str) {
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
    pub(super) async fn duplicate(&mut self) {
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
    pub(super) async fn bot(&mut self, text: &str) {
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
    pub(super) async fn handoff(&mut self) {
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
        // Two calls: the pass, and the note where the parcel's rest goes.
        self.now = self.now.plus(600);
        let passed = WorkResult::Done {
            platform_id: None,
            holder: None,
            owed: Vec::new(),
        };
        let loaded = self.outcome(loaded, passed).await;
        assert!(loaded.thread.outbox.is_empty() && !loaded.thread.bot_holds());
        self.publish().await;
    }

    /// The platform closes; its event names only the conversation.
    pub(super) async fn platform_closes(&mut self) {
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
        let loaded = self.table.unmetered().load(&self.id).await.expect("a load");
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
                leaving: false,
                thread: self.id.clone(),
                connection: "shop-chat".to_owned(),
                at: self.now,
            };
            assert!(store.list_name(name, &listed).await.expect("the directory"));
            let woken = store.wake_waiting(name, self.now).await;
            woken.expect("the directory");
            let (customer, until) = ("digest-of-the-customer", self.now.plus(90 * DAY));
            let put = store.list_thread(customer, &listed, until).await;
            assert!(put.expect("the directory"));
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
        let loaded = {
            let due_by = self.now.plus(-SECOND / 2);
            let wake = Command::Wake {
                claim_until,
                due_by,
            };
            self.run(loaded, wake).await
        };
        let standing = loaded.armed_on_checkpoint();
        let next = match next_look(
            &loaded.thread,
            &self.policy,
            self.now,
            standing,
            armed_entry,
            Aside::default(),
        ) {
            Look::Watch(next) => {
                for row in &mut self.rows {
                    if Some(row.seq) == armed_entry {
                        row.look = Some(next);
                    }
                }
                return;
            }
            Look::Stands => standing,
            Look::At(next) => Some(next),
            Look::Never => None,
        };
        if next != standing || next.is_none() {
            let expires = loaded.thread.last_at.plus(90 * DAY);
            let state = Some((&loaded.thread, expires));
            let put = self
                .table
                .store
                .rearm(&self.id, loaded.checkpoint_due, next, state)
                .await;
            assert!(put.expect("a wake"));
            self.checkpoint_due = next.map(Timestamp::seconds_up);
        }
        if let Some(seq) = armed_entry {
            let disarmed = self.table.store.disarm(&self.id, seq).await;
            assert!(disarmed.expect("a disarming"));
            self.rows.retain(|row| row.seq != seq);
        }
    }

    fn next_tick(&self) -> Timestamp {
        let since = self.now.since(START) - TICK / 2;
        START.plus(TICK / 2 + (since.div_euclid(TICK) + 1) * TICK)
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

fn print(n: u64) -> Fingerprint {
    Fingerprint::of(&[b"event", &n.to_be_bytes()])
}

/// Ids of the length that Gladly gives: 22-character slugs, 24 hexadecimal digits for a
/// Glad App.
fn identity() -> Identity {
    Identity {
        connection: "shop-chat".to_owned(),
        name: "tEstSessi0n-Slug012345".to_owned(),
        address: "0123456789abcdef01234567".to_owned(),
        customer: Some("tEstCust0mer_Slug01234".to_owned()),
        conversation: Some("tEstC0nversationSlug01".to_owned()),
        channel: Some("CHAT".to_owned()),
    }
}
