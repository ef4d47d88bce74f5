//! Gladly's webhook.

use super::{CONVERSATION, Intake, Missed, Webhook, directory_digest, unavailable};
use crate::core::{Core, RunError};
use crate::settings::{Connection, Endpoint, Settings};
use crate::store::StoreError;
use crate::store::due::{Due, WaitingEvent};
use baton_domain::time::{MINUTE, SECOND};
use baton_domain::{Command, Identity, PlatformEvent, ThreadId, Timestamp};
use baton_platforms::gladly::auth::{WebhookAuth, verify_any};
use baton_platforms::gladly::inbound::{self, What};
use baton_platforms::gladly::limits::WEBHOOK_ANSWER_S;
use std::sync::Arc;

/// Lost races end here: half of what Gladly gives a webhook.
const WEBHOOK_GIVES_UP: i64 = WEBHOOK_ANSWER_S as i64 * SECOND / 2;
/// How long an event may wait for its directory item.
const WAITS_AT_MOST: i64 = 15 * MINUTE;
/// How soon it is tried again, unless the item that it waits for is written before.
const WAITS_AT_LEAST: i64 = 4 * SECOND;

pub(super) fn is_authentic(endpoint: &Endpoint, webhook: &Webhook, now: Timestamp) -> bool {
    let sets: Vec<WebhookAuth> = endpoint
        .accepted(now)
        .map(|set| WebhookAuth {
            basic: set
                .basic
                .as_ref()
                .map(|(user, password)| (user.clone(), password.reveal().to_owned())),
            headers: set
                .headers
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.reveal().to_owned()))
                .collect(),
        })
        .collect();
    verify_any(&sets, |name| webhook.header(name))
}

impl Core {
    pub(super) async fn intake_gladly(
        &self,
        settings: &Arc<Settings>,
        webhook: &Webhook,
    ) -> Intake {
        let now = self.clock.now();
        let parsed = match inbound::parse(&webhook.body, now) {
            Ok(parsed) => parsed,
            Err(error) => return Intake::Poison(error.to_string().into()),
        };
        match parsed.what {
            What::Ping => Intake::Accepted("ping"),
            What::Thread {
                mut identity,
                event,
            } => {
                // An address may have been added since the settings were read.
                let newer;
                let mut found = settings.connection_for(&webhook.endpoint, &identity.address);
                if found.is_none() {
                    newer = self.newer_settings(settings.clone()).await;
                    found = newer.connection_for(&webhook.endpoint, &identity.address);
                }
                let Some(connection) = found else {
                    return Intake::poison("no connection has this address");
                };
                identity.connection.clone_from(&connection.id);
                let thread = match self.id_key.get().await {
                    Ok(key) => key.thread(&connection.id, &identity.name),
                    Err(error) => return unavailable(&error.into()),
                };
                let result = self
                    .take_in(&thread, connection, Some(identity), event)
                    .await;
                Intake::after(result.map(|()| "event"))
            }
            What::ByConversation {
                conversation,
                event,
                ..
            } => {
                let event_id = String::from(event.id);
                let result = self
                    .take_in_by_conversation(settings, &webhook.endpoint, &conversation, event)
                    .await;
                match result {
                    Ok(true) => Intake::Accepted("event"),
                    Ok(false) => {
                        self.wait_for_directory(webhook, &conversation, &event_id, now)
                            .await
                    }
                    Err(error) => Intake::after(Err(error)),
                }
            }
            What::OtherChannel(_) => Intake::poison("a channel that is not handled"),
            What::Other => Intake::Accepted("ignored"),
        }
    }

    /// Takes in an event that the platform was asked for, as a webhook would have brought
    /// it. One of a conversation that nobody knows does not wait: most of them never were
    /// the bot's.
    pub(crate) async fn take_in_told(
        &self,
        settings: &Arc<Settings>,
        endpoint: &str,
        body: Vec<u8>,
    ) -> Missed {
        let parsed = inbound::parse(&body, self.clock.now()).map(|parsed| parsed.what);
        let taken = match parsed {
            Ok(What::ByConversation {
                conversation,
                event,
                ..
            }) => {
                let taken = self
                    .take_in_by_conversation(settings, endpoint, &conversation, event)
                    .await;
                match taken {
                    Ok(false) => return Missed::NotOurs,
                    taken => Intake::after(taken.map(|_| "event")),
                }
            }
            Ok(What::Thread { .. }) => {
                let webhook = Webhook {
                    endpoint: endpoint.to_owned(),
                    headers: Vec::new(),
                    body,
                };
                self.intake_gladly(settings, &webhook).await
            }
            _ => return Missed::NotOurs,
        };
        match taken {
            Intake::Accepted(_) => Missed::TakenIn,
            Intake::Poison(_) => Missed::NotOurs,
            Intake::Unavailable => Missed::Unavailable,
        }
    }

    /// Takes in a customer's message that was read back from the platform.
    ///
    /// # Errors
    /// When the table fails.
    pub(crate) async fn take_in_read_back(
        &self,
        thread: &ThreadId,
        connection: &Connection,
        identity: &Identity,
        event: PlatformEvent,
    ) -> Result<(), StoreError> {
        let identity = Some(identity.clone());
        match self.take_in(thread, connection, identity, event).await {
            Ok(()) => Ok(()),
            // Too old for the log to tell whether it is new.
            Err(RunError::Rejected(rejection, _)) => {
                tracing::warn!(thread = %thread, reason = %rejection, "a message that was read back was not taken in");
                Ok(())
            }
            Err(RunError::Store(error)) => Err(error),
        }
    }

    async fn take_in(
        &self,
        thread: &ThreadId,
        connection: &Connection,
        identity: Option<Identity>,
        event: PlatformEvent,
    ) -> Result<(), RunError> {
        let give_up = self.clock.now().plus(WEBHOOK_GIVES_UP);
        let loaded = self.store.load(thread).await?;
        let command = Command::News {
            identity,
            events: vec![event],
            known_new: Vec::new(),
        };
        self.run(loaded, connection, command, give_up)
            .await
            .map(|_| ())
    }

    /// Takes in an event that names only the conversation. `false`: the directory
    /// does not know it yet.
    async fn take_in_by_conversation(
        &self,
        settings: &Arc<Settings>,
        endpoint: &str,
        conversation: &str,
        event: PlatformEvent,
    ) -> Result<bool, RunError> {
        let digest = directory_digest(self, endpoint, CONVERSATION, conversation).await?;
        let Some(listed) = self.store.listed(&digest).await? else {
            return Ok(false);
        };
        // A connection may have been added since the settings were read. One that was
        // removed has nothing to follow: the event waits its time.
        let newer;
        let mut found = settings.connections.get(&listed.connection);
        if found.is_none() {
            newer = self.newer_settings(settings.clone()).await;
            found = newer.connections.get(&listed.connection);
        }
        let Some(connection) = found else {
            return Ok(false);
        };
        self.take_in(&listed.thread, connection, None, event)
            .await?;
        Ok(true)
    }

    async fn wait_for_directory(
        &self,
        webhook: &Webhook,
        conversation: &str,
        event_id: &str,
        now: Timestamp,
    ) -> Intake {
        let Ok(body) = String::from_utf8(webhook.body.clone()) else {
            return Intake::poison("not UTF-8");
        };
        let waiting = WaitingEvent {
            endpoint: webhook.endpoint.clone(),
            received_at: now,
            body,
        };
        let next = now.plus(WAITS_AT_LEAST);
        let digest = directory_digest(self, &webhook.endpoint, CONVERSATION, conversation).await;
        let kept = match &digest {
            Ok(digest) => {
                self.store
                    .keep_waiting(digest, event_id, &waiting, next)
                    .await
            }
            Err(error) => return super::unavailable(error),
        };
        match kept {
            Ok(()) => Intake::Accepted("waiting"),
            Err(StoreError::TooLarge(_)) => Intake::poison("a message above 300 KB"),
            Err(error) => super::unavailable(&error),
        }
    }

    /// Tries an event again that waits for its directory item, after those that came
    /// before it and wait for the same: a close must not come before who served.
    /// Conversations that never were with the bot have no item: after 15 minutes the event
    /// is let go.
    ///
    /// # Errors
    /// When the table fails; the item stays due.
    pub(crate) async fn retry_waiting(
        &self,
        settings: &Arc<Settings>,
        due: &Due,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        for (row, waiting) in self.store.waiting(due).await? {
            let is_done = self.retry_one(settings, &waiting).await?;
            if is_done {
                self.store.remove_due(&row).await?;
            }
            if row.sk != due.sk {
                continue;
            }
            if is_done {
                return Ok(());
            }
            if now.since(waiting.received_at) < WAITS_AT_MOST {
                // Wait twice as long each time, so that a stopped stream is cheap to outwait.
                let waited = now.since(waiting.received_at).max(WAITS_AT_LEAST);
                let next = now.plus(waited.min(2 * MINUTE));
                return self.store.put_off(due, next).await.map(|_| ());
            }
            tracing::info!("an event of a conversation that the bot never had was let go");
        }
        self.store.remove_due(due).await
    }

    /// Whether an event that has waited is done with.
    async fn retry_one(
        &self,
        settings: &Arc<Settings>,
        waiting: &WaitingEvent,
    ) -> Result<bool, StoreError> {
        let parsed = inbound::parse(waiting.body.as_bytes(), waiting.received_at);
        let Ok(What::ByConversation {
            conversation,
            event,
            ..
        }) = parsed.map(|parsed| parsed.what)
        else {
            return Ok(true);
        };
        let taken = self
            .take_in_by_conversation(settings, &waiting.endpoint, &conversation, event)
            .await;
        match taken {
            Ok(taken) => Ok(taken),
            Err(RunError::Rejected(..)) => Ok(true),
            Err(RunError::Store(error)) => Err(error),
        }
    }
}
