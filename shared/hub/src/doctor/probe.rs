//! Looking: harmless questions to the platform, a `PING` to the bot, reads of the table.

use super::finding::{Code, Finding};
use super::probed::{Answer, ProbedConnection, ProbedHub, ProbedWebhook};
use super::{ConnectionReport, Report, judge};
use crate::calls::{Answered, Calls, NoAnswer};
use crate::checkup::State;
use crate::core::Core;
use crate::publish::row_of;
use crate::registration::webhook_url;
use crate::settings::{Connection, Endpoint, Settings};
use crate::store::StoreError;
use crate::store::due::DueKind;
use crate::store::item::SHARDS;
use crate::telling::Teller;
use baton_domain::time::{MINUTE, SECOND};
use baton_domain::{ThreadId, Timestamp};
use baton_platforms::gladly::webhooks::{self, Webhook};
use baton_platforms::http::{Credentials, HttpCall, Method};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a question may take.
const ASK_TAKES: Duration = Duration::from_secs(4);
/// How long a question may wait for its turn under the platform's rate limit.
const ASK_WAITS: i64 = SECOND;
/// Rows of the index by which threads are chosen, of each shard.
const SAMPLED: i32 = 25;
/// Threads whose rows are looked at.
const THREADS: usize = 12;
/// A connection that the hub has not looked at for so long is left alone by it.
const LOOKED_AT_LEAST: i64 = 20 * MINUTE;

/// Looks at connections and at the hub itself.
#[derive(Clone, Debug)]
pub struct Doctor {
    /// Store, clock, settings, id key.
    pub core: Core,
    /// The platforms' client.
    pub calls: Calls,
    /// Tells bots.
    pub teller: Teller,
}

impl Doctor {
    /// Looks at everything. `operator`: whoever asks may also ask how the table is set up.
    pub async fn examine(&self, operator: bool) -> Report {
        let mut hub = self.probe_hub(operator).await;
        let settings = match self.core.settings().await {
            Ok(settings) => settings,
            Err(error) => {
                hub.settings = Some(error.0);
                return Report {
                    hub: judge::hub(&hub),
                    connections: Vec::new(),
                };
            }
        };
        hub.connections = settings.connections.len();
        hub.has_public_url = settings.public_url.is_some();
        let mut connections = Vec::new();
        for connection in settings.connections.values() {
            let mut findings = judge::connection(&self.probe(&settings, connection).await);
            if hub.table.is_none() {
                let state = self.kept(&connection.id).await;
                let known = state.as_ref().and_then(|state| state.sandboxes);
                hub.sandboxes = known.or(hub.sandboxes);
                findings.extend(overdue(state.as_ref(), self.core.clock.now()));
            }
            connections.push(ConnectionReport {
                id: connection.id.clone(),
                platform: connection.platform.as_str().to_owned(),
                findings,
            });
        }
        Report {
            hub: judge::hub(&hub),
            connections,
        }
    }

    async fn kept(&self, connection: &str) -> Option<State> {
        match self.core.store.checkup(connection).await {
            Ok(kept) => kept.map(|kept| State::read(&kept.data)),
            Err(error) => {
                tracing::warn!(error = %error, "a connection's checks could not be read");
                None
            }
        }
    }

    /// Looks at one connection: the platform, its webhook, the bot. Takes 15 s at most.
    pub async fn probe(&self, settings: &Settings, connection: &Connection) -> ProbedConnection {
        let endpoint = settings.endpoints.get(&connection.endpoint);
        let id = self.core.clock.token(10);
        let (account, inbox, webhook, bot) = tokio::join!(
            self.account(connection),
            self.inbox(connection),
            self.webhook(settings, connection),
            self.teller.ping(connection, &id),
        );
        let (account, clock_ahead) = account;
        ProbedConnection {
            endpoint: connection.endpoint.clone(),
            account,
            inbox,
            webhook,
            demands: endpoint.map(demands).unwrap_or_default(),
            clock_ahead,
            bot: connection.bot.as_ref().map(|_| bot),
            repairs: connection.repair_webhook,
        }
    }

    /// Whether the platform knows the credentials, and how its clock differs.
    async fn account(&self, connection: &Connection) -> (Answer, Option<i64>) {
        let asked = self.core.clock.now();
        let answered = self
            .ask(connection, &HttpCall::get("/api/v1/organization"))
            .await;
        let now = self.core.clock.now();
        let ahead = answered.as_ref().ok().and_then(|answered| {
            // The header counts whole seconds, and was written on the way.
            let there = answered.date?.plus(SECOND / 2);
            Some(asked.plus(now.since(asked) / 2).since(there))
        });
        (status(answered.as_ref()), ahead)
    }

    async fn inbox(&self, connection: &Connection) -> Answer {
        let Some(inbox) = &connection.policy.default_inbox else {
            return Answer::NotAsked;
        };
        let inbox = baton_platforms::http::encode_segment(inbox);
        let call = HttpCall::get(format!("/api/v1/inboxes/{inbox}"));
        status(self.ask(connection, &call).await.as_ref())
    }

    /// The connection's webhook, as the platform has it now.
    pub async fn webhook(&self, settings: &Settings, connection: &Connection) -> ProbedWebhook {
        let answered = self.ask(connection, &webhooks::list()).await;
        let status = status(answered.as_ref());
        let listed = match answered {
            Ok(answered) if status.is_good() => webhooks::read_all(&answered.body),
            _ => None,
        };
        match (listed, settings.endpoints.get(&connection.endpoint)) {
            (Some(all), Some(endpoint)) => {
                let base = settings.public_url.as_deref();
                let wanted = base.map(|base| webhook_url(base, endpoint));
                choose(all, wanted, &webhook_url("", endpoint))
            }
            _ => ProbedWebhook::Unknown(status),
        }
    }

    /// Asks the platform something.
    ///
    /// # Errors
    /// When no answer came.
    pub(crate) async fn ask(
        &self,
        connection: &Connection,
        call: &HttpCall,
    ) -> Result<Answered, NoAnswer> {
        self.ask_within(connection, call, ASK_TAKES).await
    }

    /// The same with another patience.
    ///
    /// # Errors
    /// When no answer came.
    pub(crate) async fn ask_within(
        &self,
        connection: &Connection,
        call: &HttpCall,
        takes: Duration,
    ) -> Result<Answered, NoAnswer> {
        let base = &connection.base_url;
        let begins_by = self.core.clock.now().plus(ASK_WAITS);
        if call.method == Method::Get {
            self.calls.wait_turn(base, call.method, begins_by).await?;
        }
        let credentials = Credentials::Basic {
            user: connection.api_user.clone(),
            password: connection.api_token.reveal().to_owned(),
        };
        let calls = self.calls.to("gladly");
        calls.call(base, call, Some(&credentials), takes).await
    }

    /// Looks at what every connection needs.
    async fn probe_hub(&self, operator: bool) -> ProbedHub {
        let core = &self.core;
        let now = core.clock.now();
        let mut seen = ProbedHub {
            sandboxes: Some(self.calls.sandboxes()).filter(|sandboxes| *sandboxes > 0),
            id_key: core.id_key.get().await.err().map(|error| error.to_string()),
            ..ProbedHub::default()
        };
        match core.store.lease().await {
            Ok(lease) => seen.swept = lease.map(|lease| now.since(lease.since)),
            Err(error) => seen.table = Some(error.to_string()),
        }
        if operator {
            let set_up = core.store.set_up().await;
            seen.set_up = Some(set_up.map_err(|error| error.to_string()));
        }
        if seen.table.is_none() {
            match self.behind(now).await {
                Ok(behind) => seen.behind = behind,
                Err(error) => {
                    tracing::warn!(error = %error, "how far the stream is behind was not learned");
                }
            }
        }
        seen
    }

    /// How old the oldest entry is, of a sample of threads that are awake, whose row
    /// `publish` has not written yet; `None` where no such thread is awake. The sample is
    /// taken by what is due, which the stream has no part in.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn behind(&self, now: Timestamp) -> Result<Option<i64>, StoreError> {
        let store = &self.core.store;
        let second = |at: Timestamp| at.0.div_euclid(SECOND);
        let mut awake: BTreeSet<(i64, ThreadId)> = BTreeSet::new();
        for shard in 0..SHARDS {
            let (from, until) = (now.plus(-10 * MINUTE), now.plus(10 * MINUTE));
            let rows = store.due(shard, second(from), second(until), SAMPLED, None);
            for row in rows.await? {
                if let DueKind::Thread { id, .. } = row.kind() {
                    awake.insert((row.at, id));
                }
            }
        }
        let mut behind = None;
        for (_, id) in awake.into_iter().rev().take(THREADS) {
            let loaded = store.load(&id).await?;
            let Some(wanted) = row_of(&loaded) else {
                continue;
            };
            let changed = loaded.tail.iter().rev().find(|entry| {
                let present = loaded.thread.conversation.as_ref();
                entry.leaves.row && present.is_some_and(|it| it.first_seq == entry.conversation)
            });
            let Some(changed) = changed else { continue };
            let (connection, opened) = (&wanted.connection, wanted.opened_at);
            let row = store.row(connection, &wanted.conversation, opened).await?;
            let lacks = row.is_none_or(|row| row.seq < changed.seq);
            let age = if lacks { now.since(changed.at) } else { 0 };
            behind = behind.max(Some(age));
        }
        Ok(behind)
    }
}

fn overdue(state: Option<&State>, now: Timestamp) -> Option<Finding> {
    let ago = state
        .and_then(|state| state.looked_at)
        .map(|at| now.since(at));
    if ago.is_some_and(|ago| ago < LOOKED_AT_LEAST) {
        return None;
    }
    Some(Finding::warning(
        Code::CheckupOverdue,
        match ago {
            Some(ago) => format!(
                "the hub looked at this connection {} min ago: a webhook that is switched off would not be noticed",
                ago / MINUTE
            ),
            None => "the hub has not looked at this connection yet".to_owned(),
        },
        "It does so within a minute of its start, then every five: see whether the sweep runs",
    ))
}

fn status(answered: Result<&Answered, &NoAnswer>) -> Answer {
    answered.map_or(Answer::None, |answered| Answer::Status(answered.status))
}

/// What the endpoint's present set of credentials demands of its webhook.
fn demands(endpoint: &Endpoint) -> (bool, Vec<String>) {
    let set = endpoint.accepts.first();
    set.map_or((false, Vec::new()), |set| {
        let names = set.headers.iter().map(|(name, _)| name.clone());
        (set.basic.is_some(), names.collect())
    })
}

/// The webhook that goes to this URL, or where that is not configured, to this path, if
/// only one does.
fn choose(all: Vec<Webhook>, wanted: Option<String>, path: &str) -> ProbedWebhook {
    let mut same_path: Vec<Webhook> = all
        .into_iter()
        .filter(|webhook| webhook.url.ends_with(path))
        .collect();
    let exact = same_path
        .iter()
        .position(|webhook| wanted.as_deref() == Some(&webhook.url));
    match (exact, &wanted, same_path.len()) {
        (Some(place), ..) => ProbedWebhook::Found(same_path.swap_remove(place)),
        (None, None, 1) => ProbedWebhook::Found(same_path.swap_remove(0)),
        _ => ProbedWebhook::Missing {
            elsewhere: same_path.first().map(|webhook| host_of(&webhook.url)),
            wanted,
        },
    }
}

/// The host of a URL: the rest may be somebody's secret.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(url: &str) -> Webhook {
        Webhook {
            url: url.to_owned(),
            ..Webhook::default()
        }
    }

    #[test]
    fn the_endpoints_own_webhook_is_chosen() {
        let ours = "https://hub.example.com/webhooks/gladly/main";
        let staging = "https://user:test-secret@staging.example.com/webhooks/gladly/main";
        let all = || {
            vec![
                webhook(staging),
                webhook(ours),
                webhook("https://crm.example.com/"),
            ]
        };
        let wanted = || Some(ours.to_owned());
        let path = "/webhooks/gladly/main";
        assert_eq!(
            choose(all(), wanted(), path),
            ProbedWebhook::Found(webhook(ours))
        );
        // Which of two it is, the path alone does not tell.
        let unsure = choose(all(), None, path);
        assert!(matches!(
            unsure,
            ProbedWebhook::Missing { wanted: None, .. }
        ));
        let one = choose(vec![webhook(ours)], None, path);
        assert_eq!(one, ProbedWebhook::Found(webhook(ours)));
        let elsewhere = choose(vec![webhook(staging)], wanted(), path);
        let missing = ProbedWebhook::Missing {
            wanted: wanted(),
            elsewhere: Some("staging.example.com".to_owned()),
        };
        assert_eq!(elsewhere, missing);
        let none = choose(Vec::new(), wanted(), path);
        assert!(matches!(
            none,
            ProbedWebhook::Missing {
                elsewhere: None,
                ..
            }
        ));
    }
}
