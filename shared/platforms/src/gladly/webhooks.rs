//! The organization's webhooks (Gladly API 1.0, Webhooks): who is told of what.
//!
//! A webhook is created disabled. Enabling it, or changing its URL, makes Gladly send a
//! `PING` there; where that is not answered 200 the call fails and nothing changes.
//! Credentials and the values of headers are never read back. Calls are classified by
//! [`classify`](super::classify).

use crate::http::{HttpCall, Method, encode_segment};
use crate::json::{any_text, text};
use crate::moment::parse_iso;
use baton_domain::Timestamp;
use serde_json::{Map, Value, json};
use std::fmt;

/// The event without which the hub hears no customer.
pub const REQUIRED_EVENT: &str = "AUTOMATION/MESSAGE_RECEIVED";

/// All events that the hub makes use of, as Gladly spells them.
pub const EVENTS: [&str; 5] = [
    REQUIRED_EVENT,
    "AUTOMATION/MESSAGE_SENT",
    "CONVERSATION/CLOSED",
    "CONVERSATION_ASSIGNEE/UPDATED",
    "CUSTOMER/MERGED",
];

const PATH: &str = "/api/v1/webhooks";

/// A webhook as Gladly tells it: everything but its secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Webhook {
    /// Gladly's id of it.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Where it goes; unique in the organization.
    pub url: String,
    /// The events that it tells.
    pub events: Vec<String>,
    /// Whether it is on.
    pub enabled: bool,
    /// Whether it carries Basic credentials.
    pub has_credentials: bool,
    /// The names of the headers that it carries.
    pub header_keys: Vec<String>,
    /// When it was changed last.
    pub updated_at: Option<Timestamp>,
    /// When Gladly switched it off because deliveries kept failing.
    pub switched_off_at: Option<Timestamp>,
}

/// What a webhook is to become. `None` leaves a field as it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// Its name, at most [`WEBHOOK_NAME_MAX`](super::limits::WEBHOOK_NAME_MAX) characters.
    pub name: Option<String>,
    /// Where it goes.
    pub url: Option<String>,
    /// The events that it tells.
    pub events: Option<Vec<String>>,
    /// Basic credentials; `Some(None)` takes them away.
    pub credentials: Option<Option<(String, String)>>,
    /// All its headers: names and values.
    pub headers: Option<Vec<(String, String)>>,
    /// Whether it is on.
    pub enabled: Option<bool>,
}

impl fmt::Debug for WebhookChange {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookChange")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("events", &self.events)
            .field("credentials", &self.credentials.is_some())
            .field("headers", &self.headers.is_some())
            .field("enabled", &self.enabled)
            .finish()
    }
}

impl WebhookChange {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        put("name", self.name.as_ref().map(|name| json!(name)));
        put("url", self.url.as_ref().map(|url| json!(url)));
        put("events", self.events.as_ref().map(|events| json!(events)));
        put(
            "credentials",
            self.credentials.as_ref().map(|pair| match pair {
                Some((username, password)) => {
                    json!({"username": username, "password": password})
                }
                None => Value::Null,
            }),
        );
        put(
            "headers",
            self.headers.as_ref().map(|headers| {
                let headers = headers.iter();
                let named = headers.map(|(name, value)| (name.clone(), json!(value)));
                Value::Object(named.collect())
            }),
        );
        put("enabled", self.enabled.map(Value::Bool));
        Value::Object(body)
    }
}

/// All webhooks of the organization. Answered 200 with an array, see [`read_all`].
#[must_use]
pub fn list() -> HttpCall {
    HttpCall::get(PATH)
}

/// One webhook. Answered 200 with the object, see [`read_one`].
#[must_use]
pub fn get(id: &str) -> HttpCall {
    HttpCall::get(format!("{PATH}/{}", encode_segment(id)))
}

/// Creates a webhook; name, URL and events are required. Answered 201, with its id at
/// the end of `Location`.
#[must_use]
pub fn create(webhook: &WebhookChange) -> HttpCall {
    HttpCall::json(Method::Post, PATH, &webhook.body())
}

/// Changes a webhook. Answered 204.
#[must_use]
pub fn patch(id: &str, change: &WebhookChange) -> HttpCall {
    let path = format!("{PATH}/{}", encode_segment(id));
    HttpCall::json(Method::Patch, path, &change.body())
}

/// The webhooks of a [`list`]'s body; `None` if it is no array. One that cannot be read
/// is left out.
#[must_use]
pub fn read_all(body: &[u8]) -> Option<Vec<Webhook>> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(webhooks)) => Some(webhooks.iter().filter_map(read).collect()),
        _ => None,
    }
}

/// The webhook of a [`get`]'s body.
#[must_use]
pub fn read_one(body: &[u8]) -> Option<Webhook> {
    read(&serde_json::from_slice(body).ok()?)
}

fn read(webhook: &Value) -> Option<Webhook> {
    let texts = |key: &str| {
        let list = webhook.get(key).and_then(Value::as_array);
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let on = |key: &str| webhook.get(key).and_then(Value::as_bool).unwrap_or(false);
    Some(Webhook {
        id: text(webhook, "id")?,
        name: any_text(webhook, "name").unwrap_or_default().to_owned(),
        url: any_text(webhook, "url")?.to_owned(),
        events: texts("events"),
        enabled: on("enabled"),
        has_credentials: on("hasCredentials"),
        header_keys: texts("headerKeys"),
        updated_at: any_text(webhook, "updatedAt").and_then(parse_iso),
        switched_off_at: any_text(webhook, "disabledAtDueToRetryLimit").and_then(parse_iso),
    })
}

impl Webhook {
    /// What has to change for this webhook to be as `wanted`; empty where nothing has.
    /// More events than are wanted are left: somebody chose them, and they do no harm.
    /// Since secrets are not read back, only whether there are any can be compared;
    /// `resend_secrets` sends them in any case.
    #[must_use]
    pub fn missing(&self, wanted: &WebhookChange, resend_secrets: bool) -> WebhookChange {
        let mut change = WebhookChange {
            enabled: wanted.enabled.filter(|enabled| *enabled != self.enabled),
            url: wanted.url.clone().filter(|url| *url != self.url),
            ..WebhookChange::default()
        };
        let lacks = |event: &&String| !self.events.contains(event);
        let lacking: Vec<String> = wanted
            .events
            .iter()
            .flatten()
            .filter(lacks)
            .cloned()
            .collect();
        if !lacking.is_empty() {
            change.events = Some(self.events.iter().cloned().chain(lacking).collect());
        }
        if let Some(pair) = &wanted.credentials
            && (pair.is_some() != self.has_credentials || (resend_secrets && pair.is_some()))
        {
            change.credentials = Some(pair.clone());
        }
        if let Some(headers) = &wanted.headers {
            let name = |name: &str| name.to_ascii_lowercase();
            let mut there: Vec<String> = self.header_keys.iter().map(|key| name(key)).collect();
            let mut due: Vec<String> = headers.iter().map(|(key, _)| name(key)).collect();
            there.sort();
            due.sort();
            if there != due || (resend_secrets && !due.is_empty()) {
                change.headers = Some(headers.clone());
            }
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gladly::{Answer, Operation, classify};
    use crate::http::Reply;
    use proptest::prelude::*;

    fn wanted() -> WebhookChange {
        WebhookChange {
            name: Some("Baton".to_owned()),
            url: Some("https://hub.example.com/webhooks/gladly/main".to_owned()),
            events: Some(EVENTS.map(str::to_owned).to_vec()),
            credentials: Some(Some(("gladly".to_owned(), "test-password".to_owned()))),
            headers: Some(vec![("X-Gladly-Token".to_owned(), "test-token".to_owned())]),
            enabled: Some(true),
        }
    }

    fn there() -> Webhook {
        read_one(
            json!({
                "id": "wh/1", "name": "Baton",
                "url": "https://hub.example.com/webhooks/gladly/main",
                "events": EVENTS, "enabled": true, "hasCredentials": true,
                "headerKeys": ["x-gladly-token"],
                "createdAt": "2026-11-20T10:00:00.000Z",
            })
            .to_string()
            .as_bytes(),
        )
        .unwrap()
    }

    #[test]
    fn the_calls_are_gladlys_and_show_no_secret() {
        let call = create(&WebhookChange {
            enabled: None,
            ..wanted()
        });
        assert_eq!((call.method, call.path.as_str()), (Method::Post, PATH));
        let body: Value = serde_json::from_slice(call.body.as_deref().unwrap()).unwrap();
        assert_eq!(body["credentials"]["password"], "test-password");
        assert_eq!(body["headers"]["X-Gladly-Token"], "test-token");
        assert!(body.get("enabled").is_none(), "it is created disabled");
        assert!(!format!("{:?}", wanted()).contains("test-"));

        let on = WebhookChange {
            enabled: Some(true),
            ..WebhookChange::default()
        };
        let call = patch("wh/1", &on);
        assert_eq!(call.path, "/api/v1/webhooks/wh%2F1");
        assert_eq!(
            call.body.as_deref(),
            Some(br#"{"enabled":true}"#.as_slice())
        );
        let away = WebhookChange {
            credentials: Some(None),
            ..WebhookChange::default()
        };
        let call = patch("w", &away);
        assert_eq!(
            call.body.as_deref(),
            Some(br#"{"credentials":null}"#.as_slice())
        );
        assert_eq!(
            (list().path, get("w").path),
            (PATH.into(), format!("{PATH}/w"))
        );
    }

    #[test]
    fn answers_are_read_as_far_as_they_go() {
        let webhook = there();
        assert_eq!((webhook.id.as_str(), webhook.enabled), ("wh/1", true));
        assert_eq!(webhook.switched_off_at, None);
        let off =
            br#"[{"id":"w","url":"u","disabledAtDueToRetryLimit":"1970-01-01T00:00:01Z"},{}]"#;
        let all = read_all(off).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].switched_off_at, Some(Timestamp(1_000)));
        assert!(!all[0].enabled);
        assert_eq!(read_all(b"{}"), None);

        let reply = Reply {
            location: Some("https://acme.gladly.com/api/v1/webhooks/wh_1"),
            ..Reply::new(201, b"")
        };
        let made = Answer::Accepted {
            platform_id: Some("wh_1".to_owned()),
        };
        assert_eq!(classify(Operation::CreateWebhook, &reply), made);
        let gone = Reply::new(404, br#"{"errors":[{"code":"not_exist"}]}"#);
        assert_eq!(classify(Operation::ChangeWebhook, &gone), Answer::NotOurs);
        let taken = br#"{"errors":[{"attr":"url","code":"taken","detail":"is taken"}]}"#;
        let refused = classify(Operation::CreateWebhook, &Reply::new(400, taken));
        assert!(matches!(refused, Answer::Refused { code, .. } if code == "taken"));
    }

    #[test]
    fn only_what_differs_changes() {
        assert!(there().missing(&wanted(), false).is_empty());
        let secrets = there().missing(&wanted(), true);
        assert_eq!(secrets.credentials, wanted().credentials);
        assert_eq!(secrets.headers, wanted().headers);
        assert_eq!(
            (secrets.url, secrets.events, secrets.enabled),
            (None, None, None)
        );

        let mut other = there();
        other.events = vec!["CUSTOMER/MERGED".to_owned(), "CONTACT/ENDED".to_owned()];
        other.enabled = false;
        other.has_credentials = false;
        other.header_keys = vec!["x-other".to_owned()];
        let change = other.missing(&wanted(), false);
        let events = change.events.unwrap();
        assert_eq!(events.len(), 6, "{events:?}");
        assert_eq!(events[1], "CONTACT/ENDED", "what others chose stays");
        assert_eq!(change.enabled, Some(true));
        assert!(change.credentials.is_some() && change.headers.is_some());
        let none = WebhookChange {
            credentials: Some(None),
            headers: Some(Vec::new()),
            ..WebhookChange::default()
        };
        let change = there().missing(&none, true);
        assert_eq!(change.credentials, Some(None));
        assert_eq!(change.headers, Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn reading_never_panics(body in any::<Vec<u8>>()) {
            let _ = (read_all(&body), read_one(&body));
        }
    }
}
