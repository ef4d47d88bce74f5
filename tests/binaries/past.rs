//! What happened some time ago: a hub within the test whose clock is behind, over the
//! table that the functions read.

use crate::stage::sample;
use baton_domain::{ConversationId, ThreadId, Timestamp};
use baton_hub::clock::{RealWorld, World};
use baton_hub::inbound::{Reception, Webhook};
use baton_hub::settings::Platform;
use baton_hub::source::{FixedSettings, SettingsCache};
use baton_hub::{Clock, Core};
use baton_tests::scene::{ENDPOINT, SESSION, Scene, thread_of};
use std::sync::Arc;

/// A clock that is so many milliseconds behind.
#[derive(Debug)]
struct Behind(i64);

impl World for Behind {
    fn now(&self) -> Timestamp {
        RealWorld.now().plus(-self.0)
    }

    fn random(&self, buffer: &mut [u8]) {
        RealWorld.random(buffer);
    }
}

/// The hub as it was.
pub(crate) struct Past(Core);

impl Past {
    /// So many seconds ago.
    pub(crate) fn of(scene: &Scene, seconds: i64) -> Self {
        Self(Core {
            store: scene.store.clone(),
            clock: Clock::of(Arc::new(Behind(seconds * 1_000))),
            id_key: scene.id_key().into(),
            settings: SettingsCache::new(Arc::new(FixedSettings(scene.settings.clone()))),
        })
    }

    /// A webhook came in.
    pub(crate) async fn webhook(&self, body: String) {
        let header = sample("gladly")["headers"]["authorization"].clone();
        let webhook = Webhook {
            endpoint: ENDPOINT.to_owned(),
            headers: vec![(
                "authorization".to_owned(),
                header.as_str().expect("credentials").to_owned(),
            )],
            body: body.into_bytes(),
        };
        let reception = self.0.receive(Platform::Gladly, &webhook).await;
        assert!(matches!(reception, Reception::Accepted(_)), "{reception:?}");
    }

    /// The customer of a session wrote so many messages.
    pub(crate) async fn messages(&self, session: &str, count: usize) {
        for number in 0..count {
            self.webhook(message(session, number)).await;
        }
    }
}

/// The webhook of a session's nth message.
pub(crate) fn message(session: &str, number: usize) -> String {
    let body = sample("gladly")["body"]
        .as_str()
        .expect("a body")
        .to_owned();
    let mut body = body.replace(SESSION, session);
    for name in ["event", "message"] {
        body = body.replace(
            &format!("{name}-sample-1"),
            &format!("{name}-{session}-{number}"),
        );
    }
    body.replace("conversation-sample-1", &format!("conversation-{session}"))
}

/// The id of a session's first conversation.
pub(crate) fn conversation_of(session: &str) -> ConversationId {
    ConversationId::new(&thread_of(session), 1)
}

/// The row by which the sweep finds a thread's first entry.
pub(crate) fn armed(thread: &ThreadId) -> serde_json::Value {
    serde_json::json!({"at": 1, "pk": thread.as_str(), "sk": "e#0000000001"})
}
