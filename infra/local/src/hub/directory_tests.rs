//! An agent is faster than the stream: the event of it names only the conversation, and
//! comes before the conversation's name is listed.

use super::{TABLE, app, open_engine};
use crate::bus::Bus as LocalBus;
use crate::dead_letters::DeadLetters;
use crate::engine::Engine;
use crate::functions::App;
use crate::invoke::{BoxFuture, Functions, InvokeError};
use crate::streams::event_of;
use crate::template::Template;
use baton_domain::time::{DAY, SECOND};
use baton_domain::{CloseReason, Event, Holder, IdKey, Policy, ThreadId, Timestamp};
use baton_hub::bus::Bus;
use baton_hub::calls::Calls;
use baton_hub::clock::World;
use baton_hub::facts::iso;
use baton_hub::inbound::{Reception, Webhook};
use baton_hub::settings::{
    Connection, Endpoint, Platform, SecretText, Settings, WebhookCredentials,
};
use baton_hub::source::{Loading, SettingsCache, SettingsSource};
use baton_hub::store::due::{Due, DueKind};
use baton_hub::store::item::SHARDS;
use baton_hub::store::{Mechanism, Store};
use baton_hub::sweep::Slice;
use baton_hub::{Clock, Core};
use serde_json::json;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

const CONNECTION: &str = "shop-chat";
const ENDPOINT: &str = "gladly-main";
const BEGINS: i64 = 1_795_162_530_250;
/// Long enough for the waits to have grown.
const STREAM_STOOD: i64 = 20 * SECOND;

/// Time that a test moves.
#[derive(Debug)]
struct Hands(AtomicI64);

impl World for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn random(&self, buffer: &mut [u8]) {
        baton_hub::clock::RealWorld.random(buffer);
    }
}

/// Settings that can be changed.
#[derive(Debug, Default)]
struct Changing(Mutex<Settings>);

impl SettingsSource for Changing {
    fn load(&self) -> Loading<'_> {
        let settings = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Box::pin(async move { Ok(settings) })
    }
}

fn settings() -> Settings {
    let endpoint = Endpoint {
        id: ENDPOINT.to_owned(),
        platform: Platform::Gladly,
        accepts: vec![WebhookCredentials {
            basic: Some(("baton".to_owned(), SecretText::new("test-webhook"))),
            ..WebhookCredentials::default()
        }],
    };
    let connection = Connection {
        id: CONNECTION.to_owned(),
        endpoint: ENDPOINT.to_owned(),
        platform: Platform::Gladly,
        base_url: "http://127.0.0.1:9".to_owned(),
        addresses: Vec::new(),
        api_user: "test-agent@example.com".to_owned(),
        api_token: SecretText::new("test-api-token"),
        bot: None,
        policy: Policy::gladly(None),
        text_on_bus: false,
        keep_messages: 90 * DAY,
        repair_webhook: true,
    };
    Settings {
        endpoints: [(endpoint.id.clone(), endpoint)].into(),
        connections: [(connection.id.clone(), connection)].into(),
        ..Settings::default()
    }
}

/// Nobody.
struct NoFunctions;

impl Functions for NoFunctions {
    fn invoke(
        &self,
        function: &str,
        _payload: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, InvokeError>> {
        let function = function.to_owned();
        Box::pin(async move { Err(InvokeError::Unknown(function)) })
    }
}

struct Hub {
    engine: Engine,
    hands: Arc<Hands>,
    settings: Arc<Changing>,
    app: App,
    thread: ThreadId,
}

impl Hub {
    async fn new() -> Self {
        let engine = open_engine(None).expect("a database in memory");
        let template = Template::builtin().expect("it is checked by its own tests");
        let made = engine.create_table(&template.table, TABLE).await;
        made.expect("a table");
        let hands = Arc::new(Hands(AtomicI64::new(BEGINS)));
        let source = Arc::new(Changing(Mutex::new(settings())));
        let clock = Clock::of(hands.clone());
        let key = IdKey::new([7; 32]);
        let thread = key.thread(CONNECTION, "session-1");
        let core = Core {
            store: Store::new(engine.client(), TABLE),
            clock: clock.clone(),
            id_key: key.into(),
            settings: SettingsCache::new(source.clone()),
        };
        let bus = LocalBus::new(
            "baton",
            &template.bus_rules,
            Arc::new(NoFunctions),
            DeadLetters::memory(),
            Arc::clone(engine.clock()),
        );
        crate::tls::install();
        let calls = Calls::new(clock, 1).expect("a client");
        let app = app(core, Bus::new(bus.client(), "baton"), calls);
        Self {
            engine,
            hands,
            settings: source,
            app,
            thread,
        }
    }

    fn core(&self) -> &Core {
        &self.app.api.core
    }

    fn later(&self, span: i64) {
        self.hands.0.fetch_add(span, Ordering::SeqCst);
    }

    async fn webhook(&self, body: serde_json::Value) {
        // "baton:test-webhook".
        let basic = "Basic YmF0b246dGVzdC13ZWJob29r".to_owned();
        let webhook = Webhook {
            endpoint: ENDPOINT.to_owned(),
            headers: vec![("authorization".to_owned(), basic)],
            body: body.to_string().into_bytes(),
        };
        let received = self.core().receive(Platform::Gladly, &webhook).await;
        assert!(matches!(received, Reception::Accepted(_)), "{received:?}");
    }

    /// A customer writes, and an agent takes the conversation at once.
    async fn opened_and_taken(&self) {
        let at = iso(self.core().clock.now());
        self.webhook(json!({
            "id": "event-1", "type": "AUTOMATION/MESSAGE_RECEIVED", "timestamp": at,
            "initiator": {"id": "customer-1", "type": "CUSTOMER"},
            "content": {
                "sessionId": "session-1", "channelType": "CHAT", "customerId": "customer-1",
                "conversationId": "conversation-1", "companyAddress": "app-1",
                "message": {"id": "message-1", "type": "TEXT", "content": {"body": "hello"}},
            },
        }))
        .await;
        let assignee = json!({"inboxId": "inbox-1", "agentId": "agent-1"});
        self.of_agent("event-2", "CONVERSATION_ASSIGNEE/UPDATED", assignee)
            .await;
    }

    /// An event that an agent has caused.
    async fn of_agent(&self, id: &str, kind: &str, assignee: serde_json::Value) {
        self.webhook(json!({
            "id": id, "type": kind, "timestamp": iso(self.core().clock.now()),
            "initiator": {"id": "agent-1", "type": "AGENT"},
            "content": {
                "conversationId": "conversation-1", "customerId": "customer-1",
                "assignee": assignee,
            },
        }))
        .await;
    }

    /// The function `publish` gets all there is.
    async fn publish(&self) {
        let page = self.engine.stream_records(TABLE, None, 100).await;
        let batch = event_of(page.expect("the stream").records);
        let batch = serde_json::from_slice(&batch).expect("a batch");
        let answer = self.app.publisher.batch(batch).await;
        assert!(answer.failures.is_empty(), "{answer:?}");
    }

    /// Rows of waiting events, whenever they are due.
    async fn waiting(&self) -> Vec<Due> {
        let mut rows = Vec::new();
        for shard in 0..SHARDS {
            let page = self.core().store.due(shard, 0, i64::MAX / 1_000, 100, None);
            rows.extend(page.await.expect("the index"));
        }
        rows.retain(|row| row.kind() == DueKind::Waiting);
        rows
    }

    /// The sweep works on what waits, each at its time.
    async fn sweep(&self) {
        let rows = self.waiting().await;
        let now = self.core().clock.now().seconds_up();
        let last = rows.iter().map(|row| row.at).max().unwrap_or(now);
        self.later((last - now).max(0) * SECOND);
        self.app.sweep.run_slice(Slice { rows }).await;
    }

    async fn holder(&self) -> Option<Holder> {
        let loaded = self
            .core()
            .store
            .load(&self.thread)
            .await
            .expect("a thread");
        loaded
            .thread
            .open()
            .map(|conversation| conversation.holder.clone())
    }
}

#[tokio::test]
async fn who_waits_for_a_name_is_woken_when_it_is_listed() {
    let hub = Hub::new().await;
    hub.opened_and_taken().await;
    let began = hub.core().clock.now();
    assert_eq!(
        hub.waiting().await.len(),
        1,
        "nobody knows the conversation"
    );
    while hub.core().clock.now().since(began) < STREAM_STOOD {
        hub.sweep().await;
        assert!(!matches!(hub.holder().await, Some(Holder::Agent(_))));
    }
    hub.publish().await;
    let listed = hub.core().clock.now();
    let waiting = hub.waiting().await;
    // bites: leaving it to its own time, which is as far away as it has waited already.
    assert!(waiting[0].at <= listed.seconds_up(), "{waiting:?}");
    hub.sweep().await;
    assert!(matches!(hub.holder().await, Some(Holder::Agent(_))));
    assert_eq!(hub.waiting().await, []);
}

#[tokio::test]
async fn what_came_in_time_waits_for_nobody() {
    let hub = Hub::new().await;
    hub.opened_and_taken().await;
    hub.publish().await;
    hub.sweep().await;
    assert!(matches!(hub.holder().await, Some(Holder::Agent(_))));
    // The batch comes again: there is nobody left to wake.
    hub.publish().await;
    assert_eq!(hub.waiting().await, []);
}

/// The agent has closed it before anybody knew of the agent. Rows are worked on side by
/// side.
#[tokio::test]
async fn those_that_wait_for_one_name_are_taken_in_as_they_came() {
    let hub = Hub::new().await;
    hub.opened_and_taken().await;
    for number in 3..10 {
        hub.later(10);
        // Keys that sort before the others'.
        let id = format!("a-{number}");
        let assignee = json!({"inboxId": "inbox-1", "agentId": format!("agent-{number}")});
        hub.of_agent(&id, "CONVERSATION_ASSIGNEE/UPDATED", assignee)
            .await;
    }
    hub.later(10);
    hub.of_agent("a-0", "CONVERSATION/CLOSED", serde_json::Value::Null)
        .await;
    assert_eq!(hub.waiting().await.len(), 9);
    hub.publish().await;
    hub.sweep().await;
    let store = &hub.core().store;
    let loaded = store.load(&hub.thread).await.expect("a thread");
    let closed = loaded.thread.conversation.and_then(|it| it.closed);
    // bites: each by itself; the close comes first, and nobody has served.
    assert_eq!(closed.map(|it| it.reason), Some(CloseReason::Agent));
    let log = store.entries(&hub.thread, 1, 100, Mechanism::Read).await;
    let log = log.expect("the log");
    let events = log.iter().flat_map(|entry| &entry.events);
    let agents: Vec<String> = events
        .filter_map(|event| match event {
            Event::Taken { holder, .. } => Some(format!("{holder:?}")),
            _ => None,
        })
        .collect();
    assert!(agents.is_sorted() && agents.len() >= 8, "{agents:?}");
    assert_eq!(hub.waiting().await, []);
}

/// A sweep has run since before the connection was added.
#[tokio::test]
async fn settings_that_lack_the_connection_are_read_again() {
    let hub = Hub::new().await;
    hub.opened_and_taken().await;
    hub.publish().await;
    let whole = std::mem::take(&mut *hub.settings.0.lock().unwrap());
    let clock = &hub.core().clock;
    hub.core().settings.reload(clock).await.expect("it is read");
    *hub.settings.0.lock().unwrap() = whole;
    hub.later(6 * SECOND);
    // bites: waiting until the settings are a minute old.
    hub.sweep().await;
    assert!(matches!(hub.holder().await, Some(Holder::Agent(_))));
}
