use super::*;
use crate::config::from_document;
use crate::settings::{Connection, Endpoint, Platform, SecretText, WebhookCredentials};
use baton_domain::Policy;

const NOW: Timestamp = Timestamp(1_795_162_530_250);

fn settings() -> Settings {
    let endpoint = Endpoint {
        id: "main".to_owned(),
        platform: Platform::Gladly,
        accepts: vec![WebhookCredentials {
            basic: Some(("gladly".to_owned(), SecretText::new("test-one"))),
            headers: Vec::new(),
            until: None,
        }],
    };
    let connection = Connection {
        id: "shop".to_owned(),
        endpoint: "main".to_owned(),
        platform: Platform::Gladly,
        base_url: "https://acme.gladly.com".to_owned(),
        addresses: vec!["app_1".to_owned()],
        api_user: "test-agent@example.com".to_owned(),
        api_token: SecretText::new("test-api-token"),
        bot: None,
        policy: Policy::gladly(Some("inbox_1".to_owned())),
        text_on_bus: false,
        keep_messages: 700_000_000,
        repair_webhook: true,
    };
    Settings {
        endpoints: [(endpoint.id.clone(), endpoint)].into(),
        connections: [(connection.id.clone(), connection)].into(),
        ..Settings::default()
    }
}

/// What stands after a plan was carried out.
#[derive(Clone, Debug)]
struct Stands {
    document: Option<String>,
    secrets: String,
}

impl Stands {
    fn nothing() -> Self {
        Self {
            document: None,
            secrets: "{}".to_owned(),
        }
    }

    fn apply(&mut self, wanted: &Settings, version: &str, now: Timestamp) -> Plan {
        let version = Plan::fresh_version(now, version);
        let made = plan(
            self.document.as_deref(),
            &self.secrets,
            wanted,
            &version,
            now,
        )
        .unwrap();
        if let Some(written) = made.written.clone() {
            if let Some(secrets) = written.secrets {
                let readable = |secrets: &str| {
                    let document = self.document.as_deref();
                    document.is_none_or(|document| from_document(document, secrets).is_ok())
                };
                // In between the old document is read with the new secrets.
                assert!(readable(&secrets) || !readable(&self.secrets));
                self.secrets = secrets;
            }
            self.document = Some(written.document);
            from_document(self.document.as_deref().unwrap(), &self.secrets).unwrap();
        }
        made
    }
}

#[test]
fn the_second_time_nothing_changes() {
    let mut stands = Stands::nothing();
    let first = stands.apply(&settings(), "a", NOW);
    let made: Vec<_> = first
        .items
        .iter()
        .map(|item| (item.kind, item.how))
        .collect();
    assert_eq!(made, [("endpoint", How::New), ("connection", How::New)]);
    // bites: comparing the names of versions.
    let again = stands.apply(&settings(), "b", NOW.plus(1));
    assert!(again.is_empty() && again.items.is_empty());
}

#[test]
fn fields_are_told_and_secrets_only_as_changed() {
    let mut stands = Stands::nothing();
    stands.apply(&settings(), "a", NOW);
    let mut other = settings();
    if let Some(connection) = other.connections.get_mut("shop") {
        connection.policy.timers.bot_owes = Some(45_000);
        connection.base_url = "https://user:test-word@other.gladly.com".to_owned();
        connection.api_token = SecretText::new("test-api-token-2");
    }
    other.public_url = Some("https://hub.example.com".to_owned());
    let changed = stands.apply(&other, "b", NOW.plus(1));
    let told = format!("{:?}", changed.items);
    assert!(!told.contains("test-"), "{told}");
    let connection = changed.items.iter().find(|item| item.kind == "connection");
    let fields = &connection.unwrap().fields;
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["base_url", "timers.bot_owes", "secrets.api_token"]);
    assert_eq!(fields[1].values, Some(("60s".into(), "45s".into())));
    let gone = Settings::default();
    let gone = stands.apply(&gone, "c", NOW.plus(2));
    assert!(gone.items.iter().any(|item| item.how == How::Gone));
}

#[test]
fn whoever_reads_in_between_finds_what_belongs_together() {
    let mut stands = Stands::nothing();
    stands.apply(&settings(), "a", NOW);
    let first = stands.clone();
    let mut rotated = settings();
    if let Some(endpoint) = rotated.endpoints.get_mut("main") {
        let old = endpoint.accepts[0].clone();
        endpoint.accepts[0].basic = Some(("gladly".into(), SecretText::new("test-two")));
        endpoint.accepts.push(old);
    }
    stands.apply(&rotated, "b", NOW.plus(1));
    // bites: secrets without versions. The old document beside the new secrets
    // would refuse the password that is still in use.
    let between = from_document(first.document.as_deref().unwrap(), &stands.secrets).unwrap();
    let accepts = &between.endpoints["main"].accepts;
    assert_eq!(accepts[0].basic.as_ref().unwrap().1.reveal(), "test-one");
    // Long after, nobody can be between them any more.
    let mut third = rotated.clone();
    third.connections.get_mut("shop").unwrap().api_token = SecretText::new("test-three");
    stands.apply(&third, "c", NOW.plus(3 * HOUR));
    assert!(!stands.secrets.contains(&Plan::fresh_version(NOW, "a")));
    assert!(
        stands
            .secrets
            .contains(&Plan::fresh_version(NOW.plus(1), "b"))
    );
}

#[test]
fn what_was_written_without_versions_or_lost_is_taken_over() {
    let (document, secrets) = to_document(&settings()).unwrap();
    let mut shared: Map<String, Value> = serde_json::from_str(&secrets).unwrap();
    shared.insert(
        "other-tool".to_owned(),
        Value::String("test-other".to_owned()),
    );
    let mut stands = Stands {
        document: Some(document),
        secrets: serde_json::to_string(&shared).unwrap(),
    };
    assert!(stands.apply(&settings(), "a", NOW).is_empty());
    let mut other = settings();
    other.connections.get_mut("shop").unwrap().text_on_bus = true;
    assert!(!stands.apply(&other, "b", NOW).is_empty());
    assert!(stands.secrets.contains("test-other"));
    // Lost: nothing but an apply can write them again.
    stands.secrets = "{}".to_owned();
    let repaired = stands.apply(&other, "c", NOW.plus(1));
    assert!(!repaired.is_empty());
    assert!(stands.apply(&other, "d", NOW.plus(2)).is_empty());
}
