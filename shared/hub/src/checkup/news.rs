//! What the bus is told of a connection's checks.

use crate::bus::{BusEvent, UNHEALTHY, WEBHOOK_OFF};
use crate::doctor::{Finding, Severity};
use crate::facts::{FACTS_VERSION, iso};
use baton_domain::Timestamp;
use serde_json::{Value, json};

/// Something that a check found or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// All of it was looked at.
    Checked(Vec<Finding>),
    /// Errors were found.
    Unhealthy(Vec<Finding>),
    /// The webhook is off.
    Disabled {
        /// When the platform switched it off; `None` where it does not say that it did.
        since: Option<Timestamp>,
        /// Whether the hub tries to switch it on.
        repairs: bool,
    },
    /// The webhook is on again, and what was missed is being fetched.
    Repaired {
        /// Since when deliveries may have been lost.
        from: Timestamp,
        /// Whether the hub switched it on.
        by_us: bool,
    },
}

impl News {
    fn name(&self) -> &'static str {
        match self {
            Self::Checked(_) => "connection.checked",
            Self::Unhealthy(_) => UNHEALTHY,
            Self::Disabled { .. } => WEBHOOK_OFF,
            Self::Repaired { .. } => "webhook.repaired",
        }
    }

    fn data(&self) -> Value {
        let count = |findings: &[Finding], severity| {
            let of = findings.iter().filter(|it| it.severity == severity);
            of.count()
        };
        match self {
            Self::Checked(findings) => json!({
                "errors": count(findings, Severity::Error),
                "warnings": count(findings, Severity::Warning),
                "findings": findings,
            }),
            Self::Unhealthy(findings) => {
                let errors = findings.iter().filter(|it| it.severity == Severity::Error);
                json!({"findings": errors.collect::<Vec<_>>()})
            }
            Self::Disabled { since, repairs } => json!({
                "switched_off_at": since.map(iso),
                "repairs": repairs,
            }),
            Self::Repaired { from, by_us } => json!({
                "missed_since": iso(*from),
                "by": if *by_us { "hub" } else { "platform" },
            }),
        }
    }

    /// The event; `token` (26 characters) makes its id.
    pub(super) fn event(&self, connection: &str, token: &str, at: Timestamp) -> BusEvent {
        let (id, name) = (format!("evt_{token}"), self.name());
        let detail = json!({
            "version": FACTS_VERSION,
            "id": id,
            "event": name,
            "connection": connection,
            "at": iso(at),
            "data": self.data(),
        });
        BusEvent {
            id: Some(id),
            detail_type: name.to_owned(),
            detail: detail.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Code;

    #[test]
    fn events_say_what_was_found() {
        let error = Finding::error(Code::BotSilent, "what", "advice");
        let warning = Finding::warning(Code::BotMissing, "what", "advice");
        let findings = vec![error, warning];
        let event = News::Checked(findings.clone()).event("shop-chat", "token", Timestamp(0));
        assert_eq!(event.detail_type, "connection.checked");
        let detail: Value = event.detail.parse().expect("JSON");
        assert_eq!(detail["id"], "evt_token");
        assert_eq!(detail["data"]["errors"], 1);
        assert_eq!(detail["data"]["findings"][0]["code"], "bot_silent");
        let data = News::Unhealthy(findings).data();
        assert_eq!(data["findings"].as_array().map(Vec::len), Some(1));
    }
}
