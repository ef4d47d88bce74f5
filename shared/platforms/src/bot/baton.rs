//! The hub's own format: CloudEvents 1.0 in JSON, structured content mode
//! (CloudEvents HTTP binding, section 3.2), signed as Standard Webhooks.

use super::{BotAuth, Telling};
use crate::http::{HttpCall, Method};
use crate::moment::to_iso;
use crate::signing;
use baton_domain::Timestamp;
use serde_json::{Value, json};

/// The event of a customer's message.
pub(super) fn message_received(telling: &Telling<'_>) -> Value {
    let message = telling.message_id.to_string();
    let conversation = telling.conversation_id.to_string();
    let identity = telling.identity;
    let mut customer = json!({"name": identity.name, "address": identity.address});
    if let Some(map) = customer.as_object_mut() {
        let more = [
            ("customer", &identity.customer),
            ("conversation", &identity.conversation),
            ("channel", &identity.channel),
        ];
        for (key, value) in more {
            if let Some(value) = value {
                map.insert(key.to_owned(), value.as_str().into());
            }
        }
    }
    let data = json!({
        "connection": telling.connection,
        "conversation": conversation,
        "message": message,
        "epoch": telling.epoch,
        "seq": telling.seq,
        "identity": customer,
        "content": telling.content,
        "context": telling.context,
    });
    let at = telling.at;
    event(
        "baton.message.received",
        telling.connection,
        &message,
        Some(&conversation),
        at,
        &data,
    )
}

/// The event that asks whether the bot is there.
pub(super) fn ping(connection: &str, id: &str, now: Timestamp) -> Value {
    event(
        "baton.ping",
        connection,
        id,
        None,
        now,
        &json!({"connection": connection}),
    )
}

fn event(
    kind: &str,
    connection: &str,
    id: &str,
    subject: Option<&str>,
    at: Timestamp,
    data: &Value,
) -> Value {
    let mut event = json!({
        "specversion": "1.0",
        "id": id,
        "source": format!("/baton/connections/{}", crate::http::encode_segment(connection)),
        "type": kind,
        "time": to_iso(at),
        "datacontenttype": "application/json",
        "data": data,
    });
    if let (Some(subject), Some(map)) = (subject, event.as_object_mut()) {
        map.insert("subject".to_owned(), subject.into());
    }
    event
}

/// The signed call. The id is the same for every attempt, the timestamp is not.
pub(super) fn call(id: &str, event: &Value, auth: &BotAuth, now: Timestamp) -> HttpCall {
    let body = event.to_string().into_bytes();
    let mut headers = vec![(
        "content-type".to_owned(),
        "application/cloudevents+json; charset=utf-8".to_owned(),
    )];
    headers.extend(signing::webhook_headers(id, now, &body, &auth.keys));
    HttpCall {
        method: Method::Post,
        path: String::new(),
        headers,
        body: Some(body),
    }
}
