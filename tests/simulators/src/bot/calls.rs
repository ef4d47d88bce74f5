//! The bot's calls of Gladly's Message Automation API.
//!
//! Retries follow Gladly's advice (exponential, on 429 and 5xx). Sends take no
//! idempotency key, so after an unknown outcome the bot reads the session's
//! messages before it sends again (Gladly API 1.0, Message Automation).

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::config::BotConfig;
use super::script::Message;
use crate::clock::Clock;

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// Refused for good.
    Refused(String),
    /// Failed on every try.
    Exhausted(String),
}

impl Failure {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Refused(text) | Self::Exhausted(text) => text,
        }
    }
}

/// One try.
enum Try {
    Done(Value),
    Refused(u16),
    /// Certainly without effect.
    NotNow(String),
    /// Perhaps with effect.
    Unknown(String),
}

/// The API as one event's work sees it.
pub(super) struct Api<'a> {
    pub(super) http: Option<&'a reqwest::Client>,
    pub(super) clock: &'a Clock,
    pub(super) config: &'a BotConfig,
}

impl Api<'_> {
    /// Sends a message and returns its id. `known` are the ids of messages that
    /// were sent before; another message with the same content must be this one.
    pub(super) async fn send(
        &self,
        session_id: &str,
        message: &Message,
        known: &HashSet<String>,
    ) -> Result<String, Failure> {
        let path = format!("{session_id}/messages");
        let body = json!({"type": message.kind, "content": message.content});
        let mut wait = self.config.backoff_ms;
        let mut last = String::new();
        let mut unknown = false;
        for number in 0..self.config.tries.max(1) {
            if number > 0 {
                self.clock.sleep(wait).await;
                wait = wait.saturating_mul(2);
            }
            if unknown {
                match self.find(&path, message, known).await {
                    Some(Some(id)) => return Ok(id),
                    Some(None) => unknown = false,
                    // Not knowing is no reason to send it twice.
                    None => continue,
                }
            }
            match self.post(&path, &body).await {
                Try::Done(answer) => return Ok(id_of(&answer)),
                Try::Refused(status) => return Err(refused(&path, status)),
                Try::NotNow(reason) => last = reason,
                Try::Unknown(reason) => {
                    unknown = true;
                    last = reason;
                }
            }
        }
        Err(Failure::Exhausted(format!("POST {path}: {last}")))
    }

    /// Hands a session to the agents.
    pub(super) async fn hand_off(&self, session_id: &str, why: &str) -> Result<(), Failure> {
        self.end(&format!("{session_id}/handoff"), why).await
    }

    /// Closes a session.
    pub(super) async fn close(&self, session_id: &str, why: &str) -> Result<(), Failure> {
        self.end(&format!("{session_id}/close"), why).await
    }

    /// A handoff or close: repeating it is harmless, and if an earlier try had an
    /// unknown outcome a refusal says that it took effect.
    async fn end(&self, path: &str, description: &str) -> Result<(), Failure> {
        let body = json!({"description": description});
        let mut wait = self.config.backoff_ms;
        let mut last = String::new();
        let mut unknown = false;
        for number in 0..self.config.tries.max(1) {
            if number > 0 {
                self.clock.sleep(wait).await;
                wait = wait.saturating_mul(2);
            }
            match self.post(path, &body).await {
                Try::Done(_) => return Ok(()),
                Try::Refused(_) if unknown => return Ok(()),
                Try::Refused(status) => return Err(refused(path, status)),
                Try::NotNow(reason) => last = reason,
                Try::Unknown(reason) => {
                    unknown = true;
                    last = reason;
                }
            }
        }
        Err(Failure::Exhausted(format!("POST {path}: {last}")))
    }

    fn request(&self, method: reqwest::Method, path: &str) -> Option<reqwest::RequestBuilder> {
        let base = &self.config.base_url;
        let url = format!("{base}/api/v1/message-automation/sessions/{path}");
        let request = self.http?.request(method, url);
        Some(
            request
                .basic_auth(&self.config.username, Some(&self.config.token))
                .timeout(Duration::from_millis(self.config.call_limit_ms)),
        )
    }

    async fn post(&self, path: &str, body: &Value) -> Try {
        let Some(request) = self.request(reqwest::Method::POST, path) else {
            return Try::NotNow("no HTTP client".into());
        };
        let answer = match request.json(body).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Try::NotNow("no connection".into()),
            Err(_) => return Try::Unknown("no answer".into()),
        };
        let status = answer.status();
        match (status.as_u16(), answer.bytes().await) {
            (_, Err(_)) => Try::Unknown("half an answer".into()),
            (200..=299, Ok(body)) => {
                Try::Done(serde_json::from_slice(&body).unwrap_or(Value::Null))
            }
            (429, Ok(_)) => Try::NotNow("429".into()),
            (code @ 500..=599, Ok(_)) => Try::Unknown(code.to_string()),
            (code, Ok(_)) => Try::Refused(code),
        }
    }

    /// Looks for a message that was sent although its answer never came. `None`
    /// if that cannot be told now.
    async fn find(
        &self,
        path: &str,
        message: &Message,
        known: &HashSet<String>,
    ) -> Option<Option<String>> {
        let answer = self
            .request(reqwest::Method::GET, path)?
            .send()
            .await
            .ok()?;
        if !answer.status().is_success() {
            return None;
        }
        let messages: Vec<Value> = answer.json().await.ok()?;
        Some(messages.iter().rev().find_map(|sent| {
            let same = sent.get("type").and_then(Value::as_str) == Some(message.kind)
                && sent.get("content") == Some(&message.content)
                && sent.pointer("/from/type").and_then(Value::as_str) != Some("CUSTOMER");
            let id = id_of(sent);
            (same && !known.contains(&id)).then_some(id)
        }))
    }
}

fn id_of(message: &Value) -> String {
    message
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn refused(path: &str, status: u16) -> Failure {
    Failure::Refused(format!("POST {path}: {status}"))
}
