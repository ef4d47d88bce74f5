//! Requests that change something: send, hand off, close, control, typing.

use super::{ApiError, OutboundApi, Target, actor};
use crate::core::{CALL_ANSWERS_WITHIN, RunError};
use crate::deliver::{CLAIM, claimed_by};
use crate::settings::{Caller, Connection, Settings};
use crate::store::{Loaded, Mechanism, StoreError};
use baton_domain::rings::KeyVerdict;
use baton_domain::{
    CloseReason, Command, Content, ControlAsk, Entry, Event, Failure, Fingerprint, Holder, KeyUse,
    MessageId, Place, Rejection, Request, Timestamp,
};
use baton_platforms::convert::{Target as Platform, convert};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long before a call must be answered its own platform calls end, so that their
/// outcome is in the log and in the answer.
const OUTCOME_TAKES: i64 = 500;
/// What reading the request and writing the answer may take.
const ANSWERING_TAKES: i64 = 300;
/// How often a call looks whether somebody else's delivery has come to an end.
const LOOKS_EVERY: i64 = 300;

/// What every changing request carries beside its body.
#[derive(Clone, Debug, Default)]
pub struct RequestMeta {
    /// The holding the caller believes in.
    pub epoch: Option<u64>,
    /// The `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Method and path: keys are per token, method and path.
    pub route: String,
    /// The request's body: a key holds for one body.
    pub body: Vec<u8>,
    /// For how many ms it has been in hand already: what it may take counts from its
    /// arrival, and a table that is slow has taken its part by now.
    pub waited: i64,
}

/// What has become of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageStatus {
    /// The message.
    pub id: MessageId,
    /// What it says.
    pub content: Content,
    /// When it was accepted.
    pub queued_at: Timestamp,
    /// How far it got.
    pub delivery: Delivery,
}

/// How far a message, or a request for control, got.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// It waits its turn, or for the platform.
    Queued,
    /// It may have left; that is being found out.
    Unknown,
    /// The platform has it.
    Sent {
        /// The platform's id of it.
        platform_id: Option<String>,
        /// When that was recorded.
        at: Timestamp,
    },
    /// It will not reach the customer.
    Failed {
        /// Why, as a kind.
        why: Failure,
        /// Why, in words.
        detail: String,
    },
}

/// What has become of a request for control.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlStatus {
    /// The request.
    pub id: MessageId,
    /// How far it got; `Sent` means that it came about.
    pub delivery: Delivery,
    /// Who holds now.
    pub holder: Holder,
    /// The present epoch.
    pub epoch: u64,
    /// Whether the conversation is closed.
    pub closed: bool,
}

/// A request's answer: new, or the repetition of an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked<T> {
    /// What has become of it.
    pub status: T,
    /// Whether an earlier call with the same key had made it.
    pub repeated: bool,
}

impl OutboundApi {
    /// Sends a message as the holder.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn send(
        &self,
        caller: &Caller,
        target: Target,
        content: Content,
        meta: &RequestMeta,
    ) -> Result<Asked<MessageStatus>, ApiError> {
        let content = self.sayable(&target, content)?;
        let began = self.api.core.clock.now();
        let request = self.request(caller, &target, meta, began)?;
        let (loaded, place, repeated) = self
            .run(
                target,
                Command::Send { request, content },
                answer_by(began, meta),
            )
            .await?;
        let status = self.message_status(&loaded, place).await?;
        Ok(Asked { status, repeated })
    }

    /// Checks all limits of the platform before anything is written. What is kept is
    /// what will be sent.
    fn sayable(&self, target: &Target, content: Content) -> Result<Content, ApiError> {
        let platform = match target.connection()?.platform {
            crate::settings::Platform::Gladly => Platform::Gladly,
        };
        let mut rendered = convert(&content, platform).map_err(ApiError::Content)?;
        match (rendered.pop(), rendered.is_empty()) {
            (Some(only), true) => Ok(only.content),
            _ => Err(ApiError::Invalid {
                field: "content",
                problem: "it does not fit one message of this platform; send it in parts"
                    .to_owned(),
            }),
        }
    }

    /// Asks for a change of control, or for the end of the conversation.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn control(
        &self,
        caller: &Caller,
        target: Target,
        ask: ControlAsk,
        meta: &RequestMeta,
    ) -> Result<Asked<ControlStatus>, ApiError> {
        let began = self.api.core.clock.now();
        let request = self.request(caller, &target, meta, began)?;
        let (loaded, place, repeated) = self
            .run(
                target,
                Command::Control { request, ask },
                answer_by(began, meta),
            )
            .await?;
        let status = self.control_status(&loaded, place).await?;
        Ok(Asked { status, repeated })
    }

    /// Shows the customer that the holder types, or stopped. Nothing is written.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn typing(
        &self,
        caller: &Caller,
        target: &Target,
        started: bool,
    ) -> Result<(), ApiError> {
        let by = actor(caller)?;
        let thread = &target.loaded.thread;
        if !thread.holder().is(&by) {
            return Err(ApiError::Rejected(Rejection::NotHolder {
                holder: thread.holder().clone(),
                epoch: thread.epoch,
            }));
        }
        self.deliverer
            .typing(target.connection()?, &target.loaded, started)
            .await;
        Ok(())
    }

    fn request(
        &self,
        caller: &Caller,
        target: &Target,
        meta: &RequestMeta,
        began: Timestamp,
    ) -> Result<Request, ApiError> {
        let key = meta.idempotency_key.as_ref().map(|key| KeyUse {
            key: Fingerprint::of(&[
                caller.token_hash.as_bytes(),
                meta.route.as_bytes(),
                key.as_bytes(),
            ]),
            body: Fingerprint::of(&[&meta.body]),
        });
        Ok(Request {
            by: actor(caller)?,
            // Who names a conversation and no epoch means the holding as it is read now:
            // by the append, another conversation might have begun in the thread.
            epoch: meta.epoch.or_else(|| {
                target
                    .conversation
                    .as_ref()
                    .map(|_| target.loaded.thread.epoch)
            }),
            key,
            key_is_new: false,
            claim_until: Some(began.plus(CLAIM)),
        })
    }

    /// Runs a request, delivers if the claim fell to it, and waits for the outcome as
    /// long as a call may take. The thread then, the request's place, and whether it
    /// repeats an earlier one.
    async fn run(
        &self,
        target: Target,
        command: Command,
        answer_by: Timestamp,
    ) -> Result<(Loaded, Place, bool), ApiError> {
        let settings = target.settings.clone();
        let connection = target.connection()?.clone();
        // A conversation that is over is not the one that goes on in its thread now.
        if let Some(named) = &target.conversation
            && let Some(present) = &target.loaded.thread.conversation
            && present.first_seq != named.first_seq()
        {
            return self.repeated_in_an_old_one(target, command).await;
        }
        let run = self
            .api
            .core
            .run(target.loaded, &connection, command, answer_by);
        let ran = match timeout_at(self.instant(answer_by), run).await {
            Ok(Ok(ran)) => ran,
            Ok(Err(RunError::Rejected(Rejection::Repeated(place), loaded))) => {
                return Ok((*loaded, place, true));
            }
            Ok(Err(error)) => return Err(error.into()),
            // Whether it is in the log is not known: the caller repeats it, with its key.
            Err(_) => return Err(ApiError::Unavailable),
        };
        let Some(entry) = ran.entry else {
            return Err(ApiError::Unavailable);
        };
        let place = request_place(&entry).ok_or(ApiError::Unavailable)?;
        let asked = ran.loaded.clone();
        let settled = self.settled(settings, connection, ran.loaded, &entry, place, answer_by);
        let loaded = match timeout_at(self.instant(answer_by), settled).await {
            Ok(Ok(loaded)) => loaded,
            // It is in the log: it will be delivered, by whoever comes next.
            Ok(Err(error)) => {
                tracing::error!(error = %error, "a delivery stopped on the store");
                asked
            }
            Err(_) => asked,
        };
        Ok((loaded, place, false))
    }

    /// The thread once the work at `place` is settled, or when the call must answer.
    async fn settled(
        &self,
        settings: Arc<Settings>,
        connection: Connection,
        mut loaded: Loaded,
        entry: &Entry,
        place: Place,
        answer_by: Timestamp,
    ) -> Result<Loaded, StoreError> {
        if let Some(until) = claimed_by(entry) {
            let id = loaded.id.clone();
            let deliverer = self.deliverer.clone();
            let calls_end = answer_by.plus(-OUTCOME_TAKES);
            // A task of its own: an outcome goes on into the log after the answer, too.
            let delivery = tokio::spawn(async move {
                deliverer
                    .work_off_until(&settings, &connection, loaded, until, calls_end)
                    .await
            });
            loaded = match delivery.await {
                Ok(delivered) => delivered?,
                Err(stopped) => {
                    tracing::error!(panicked = stopped.is_panic(), "a delivery stopped");
                    self.api.core.store.load(&id).await?
                }
            };
        }
        self.wait_for_outcome(loaded, place, answer_by).await
    }

    /// A moment of the hub's clock on the runtime's.
    fn instant(&self, at: Timestamp) -> Instant {
        let left = at.since(self.api.core.clock.now());
        Instant::now() + Duration::from_millis(u64::try_from(left).unwrap_or_default())
    }

    /// A request to an old conversation is turned down, unless it repeats one that
    /// was made while it was open.
    async fn repeated_in_an_old_one(
        &self,
        target: Target,
        mut command: Command,
    ) -> Result<(Loaded, Place, bool), ApiError> {
        let core = &self.api.core;
        let now = core.clock.now();
        let key = match &command {
            Command::Send { request, .. } | Command::Control { request, .. } => request.key,
            _ => None,
        };
        let known = key.map(|key| target.loaded.thread.keys.verdict(&key, now));
        let rejection = match known {
            Some(KeyVerdict::Repeated(place)) => Some(Rejection::Repeated(place)),
            Some(KeyVerdict::OtherBody) => Some(Rejection::KeyReused),
            Some(KeyVerdict::LookUp) => {
                core.look_up_key(&target.loaded.id, &mut command, now)
                    .await?
            }
            Some(KeyVerdict::New) | None => None,
        };
        match rejection {
            Some(Rejection::Repeated(place)) => Ok((target.loaded, place, true)),
            Some(rejection) => Err(ApiError::Rejected(rejection)),
            None if target.named_is_erased() => Err(ApiError::Rejected(Rejection::Erased)),
            None => Err(ApiError::Rejected(Rejection::Closed(
                self.why_it_ended(&target).await?,
            ))),
        }
    }

    /// Why the conversation that was named ended. Where its entries have expired, all
    /// that is known is that another has come after it.
    async fn why_it_ended(&self, target: &Target) -> Result<CloseReason, ApiError> {
        let past = match &target.conversation {
            Some(named) => {
                let core = &self.api.core;
                core.as_of(named.thread(), named.first_seq()).await?
            }
            None => None,
        };
        let closed = past
            .and_then(|past| past.thread.conversation)
            .and_then(|conversation| conversation.closed);
        Ok(closed.map_or(CloseReason::Moved, |closing| closing.reason))
    }

    /// Somebody else delivers: look until it is settled or the call must answer.
    async fn wait_for_outcome(
        &self,
        mut loaded: Loaded,
        place: Place,
        answer_by: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let clock = &self.api.core.clock;
        let mut every = LOOKS_EVERY;
        while let Some(work) = loaded.thread.work(place) {
            let next = clock.now().plus(every);
            // What will not be tried before the call must answer need not be waited for.
            if next >= answer_by || work.not_before.is_some_and(|at| at >= answer_by) {
                break;
            }
            clock.sleep_until(next).await;
            every = (every * 2).min(1_200);
            loaded = self.api.core.store.load(&loaded.id).await?;
        }
        Ok(loaded)
    }

    async fn message_status(
        &self,
        loaded: &Loaded,
        place: Place,
    ) -> Result<MessageStatus, ApiError> {
        let entries = self.entries_from(loaded, place.0).await?;
        let found = entries
            .iter()
            .find(|entry| entry.seq == place.0)
            .and_then(|entry| Some((entry.at, entry.events.get(place.1 as usize)?)));
        let Some((queued_at, Event::Queued { content, .. })) = found else {
            return Err(ApiError::NotFound);
        };
        Ok(MessageStatus {
            id: MessageId::new(&loaded.id, place),
            content: content.clone(),
            queued_at,
            delivery: delivery_of(loaded, &entries, place),
        })
    }

    async fn control_status(
        &self,
        loaded: &Loaded,
        place: Place,
    ) -> Result<ControlStatus, ApiError> {
        let entries = self.entries_from(loaded, place.0).await?;
        Ok(ControlStatus {
            id: MessageId::new(&loaded.id, place),
            delivery: delivery_of(loaded, &entries, place),
            holder: loaded.thread.holder().clone(),
            epoch: loaded.thread.epoch,
            closed: loaded.thread.open().is_none(),
        })
    }

    async fn entries_from(&self, loaded: &Loaded, from: u64) -> Result<Vec<Entry>, StoreError> {
        if loaded.tail.first().is_some_and(|entry| entry.seq <= from) {
            return Ok(loaded
                .tail
                .iter()
                .filter(|entry| entry.seq >= from)
                .cloned()
                .collect());
        }
        self.api
            .core
            .store
            .entries(&loaded.id, from, 200, Mechanism::LogSearch)
            .await
    }
}

/// When a call that is here since `now`, and was elsewhere before, must have its answer.
fn answer_by(now: Timestamp, meta: &RequestMeta) -> Timestamp {
    now.plus(CALL_ANSWERS_WITHIN - ANSWERING_TAKES)
        .plus(-meta.waited.clamp(0, CALL_ANSWERS_WITHIN))
}

/// Where in an entry the request itself stands.
fn request_place(entry: &Entry) -> Option<Place> {
    let index = entry
        .events
        .iter()
        .position(|event| matches!(event, Event::Queued { .. } | Event::ControlRequested { .. }))?;
    Some(Place(entry.seq, u32::try_from(index).ok()?))
}

/// How far the work at `place` got, by the entries from it on.
pub(super) fn delivery_of<'a>(
    loaded: &Loaded,
    entries: impl IntoIterator<Item = &'a Entry>,
    place: Place,
) -> Delivery {
    let mut delivery = Delivery::Queued;
    for entry in entries {
        for event in &entry.events {
            match event {
                Event::Sent { work, id } if *work == place => {
                    delivery = Delivery::Sent {
                        platform_id: id.clone(),
                        at: entry.at,
                    };
                }
                Event::Passed {
                    work: Some(work), ..
                }
                | Event::Released {
                    work: Some(work), ..
                }
                | Event::Closed {
                    work: Some(work), ..
                } if *work == place => {
                    delivery = Delivery::Sent {
                        platform_id: None,
                        at: entry.at,
                    };
                }
                Event::Failed { work, why, detail } if *work == place => {
                    delivery = Delivery::Failed {
                        why: *why,
                        detail: detail.clone(),
                    };
                }
                Event::ControlFailed { work, detail } if *work == place => {
                    delivery = Delivery::Failed {
                        why: Failure::Refused,
                        detail: detail.clone(),
                    };
                }
                _ => {}
            }
        }
    }
    match (delivery, loaded.thread.work(place)) {
        (Delivery::Queued, Some(work)) if work.unknown => Delivery::Unknown,
        (delivery, _) => delivery,
    }
}
