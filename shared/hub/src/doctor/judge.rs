//! From what was seen to what is told. Pure.

use super::finding::{Code, Finding};
use super::probed::{Answer, ProbedConnection, ProbedHub, ProbedWebhook};
use crate::store::item::{DUE_INDEX, OPEN_INDEX, TTL};
use crate::telling::NotTold;
use baton_domain::time::{MINUTE, SECOND};
use baton_platforms::gladly::webhooks::{REQUIRED_EVENT, Webhook};

/// Every minute a sweep takes its turn; one may be lost.
const SWEEP_EVERY: i64 = 150 * SECOND;
/// The consumers' batches take seconds.
const BEHIND: i64 = MINUTE;
/// So far behind, conversations are missing from lists and boards.
const FAR_BEHIND: i64 = 5 * MINUTE;
/// Messages are read back with this much allowed for.
const SKEW: i64 = 5 * SECOND;
/// Signatures hold for five minutes.
const FAR_SKEW: i64 = 4 * MINUTE;
/// Events without which the hub does not follow what happens on the platform.
const FOLLOWED: [(&str, &str); 3] = [
    (
        "CONVERSATION/CLOSED",
        "conversations that are closed there stay open here",
    ),
    (
        "CONVERSATION_ASSIGNEE/UPDATED",
        "who serves after a handoff is not known",
    ),
    (
        "CUSTOMER/MERGED",
        "conversations of merged customers are lost sight of",
    ),
];

/// What is wrong with a connection.
#[must_use]
pub fn connection(seen: &ProbedConnection) -> Vec<Finding> {
    let mut findings = Vec::new();
    let account = account(seen.account);
    let may_ask = account.is_none();
    findings.extend(account);
    if may_ask {
        findings.extend(inbox(seen.inbox));
        webhook(seen, &mut findings);
    }
    findings.extend(seen.clock_ahead.and_then(clock));
    findings.extend(bot(seen.bot.as_ref()));
    findings
}

fn account(answer: Answer) -> Option<Finding> {
    let credentials = "`agent_email` and `api_token`";
    Some(match answer {
        Answer::NotAsked | Answer::Status(200..=299) => return None,
        Answer::None => Finding::error(
            Code::PlatformUnreachable,
            "Gladly gave no answer",
            "Check `base_url`, and whether this network reaches it",
        ),
        Answer::Status(401) => Finding::error(
            Code::CredentialsRefused,
            format!("Gladly refuses {credentials} (401)"),
            "Make a new token in Gladly's settings and apply it; nothing can be sent until then",
        ),
        Answer::Status(403) => Finding::error(
            Code::PermissionMissing,
            "the agent lacks the permission API User (403)",
            "Give it to the agent in Gladly's settings",
        ),
        Answer::Status(404) => Finding::error(
            Code::OrganizationUnknown,
            "there is no such organization (404)",
            "Check `base_url`: https://{organization}.gladly.com, or .gladly.qa for a sandbox",
        ),
        Answer::Status(status) => Finding::error(
            Code::PlatformFails,
            format!("Gladly answered {status}"),
            "Ask again later; where it stays, look at Gladly's status page",
        ),
    })
}

fn inbox(answer: Answer) -> Option<Finding> {
    (answer == Answer::Status(404)).then(|| {
        Finding::error(
            Code::InboxUnknown,
            "Gladly does not know the inbox in `default_inbox`",
            "GET /api/v1/inboxes lists ids; name the one of the entry point's handoffs",
        )
    })
}

fn webhook(seen: &ProbedConnection, findings: &mut Vec<Finding>) {
    match &seen.webhook {
        ProbedWebhook::Unknown(Answer::NotAsked) => {}
        ProbedWebhook::Unknown(answer) => {
            let what = match answer {
                Answer::Status(status) => format!("Gladly answered {status} for its webhooks"),
                _ => "Gladly did not list its webhooks".to_owned(),
            };
            let advice = "Whether customers are heard is not known: ask again later";
            findings.push(Finding::warning(Code::WebhookUnknown, what, advice));
        }
        ProbedWebhook::Missing { wanted, elsewhere } => {
            findings.push(match elsewhere {
                Some(host) => Finding::error(
                    Code::WebhookElsewhere,
                    format!("the webhook of this endpoint goes to {host}"),
                    format!("Set its URL in Gladly to {}", url(seen, wanted.as_deref())),
                ),
                None => Finding::error(
                    Code::WebhookMissing,
                    "Gladly has no webhook to this endpoint: no customer is heard",
                    format!(
                        "`baton apply` makes one, or add it in Gladly: {}",
                        url(seen, wanted.as_deref())
                    ),
                ),
            });
        }
        ProbedWebhook::Found(webhook) => found(seen, webhook, findings),
    }
}

fn url(seen: &ProbedConnection, wanted: Option<&str>) -> String {
    match wanted {
        Some(url) => url.to_owned(),
        None => format!("{{hub.public_url}}/webhooks/gladly/{}", seen.endpoint),
    }
}

fn found(seen: &ProbedConnection, webhook: &Webhook, findings: &mut Vec<Finding>) {
    if let Some(off) = switched_off(seen, webhook) {
        findings.push(off);
    }
    let tells = |event: &str| webhook.events.iter().any(|told| told == event);
    if !tells(REQUIRED_EVENT) {
        findings.push(Finding::error(
            Code::WebhookEventMissing,
            format!("the webhook does not tell {REQUIRED_EVENT}: no customer is heard"),
            "Add it to the webhook's events in Gladly, or run `baton apply`",
        ));
    }
    for (event, else_what) in FOLLOWED {
        if !tells(event) {
            findings.push(Finding::warning(
                Code::WebhookEventMissing,
                format!("the webhook does not tell {event}: {else_what}"),
                "Add it to the webhook's events in Gladly, or run `baton apply`",
            ));
        }
    }
    let (basic, headers) = &seen.demands;
    let lacking: Vec<&str> = headers
        .iter()
        .filter(|name| {
            let mut there = webhook.header_keys.iter();
            !there.any(|key| key.eq_ignore_ascii_case(name))
        })
        .map(String::as_str)
        .collect();
    let mut what = Vec::new();
    if *basic && !webhook.has_credentials {
        what.push("no user name and password".to_owned());
    }
    if !lacking.is_empty() {
        what.push(format!("not the header {}", lacking.join(", ")));
    }
    if !what.is_empty() {
        findings.push(Finding::error(
            Code::WebhookCredentialsMissing,
            format!(
                "the webhook carries {}: the hub answers 401, and Gladly switches it off",
                what.join(" and ")
            ),
            "Enter in Gladly what `[endpoint.secrets]` demands, or run `baton apply`",
        ));
    }
}

fn switched_off(seen: &ProbedConnection, webhook: &Webhook) -> Option<Finding> {
    if webhook.enabled {
        return None;
    }
    let by_itself = "The hub switches it on again within minutes and fetches what was missed";
    Some(match (webhook.switched_off_at.is_some(), seen.repairs) {
        (true, true) => Finding::error(
            Code::WebhookSwitchedOff,
            "Gladly switched the webhook off, since the hub did not take deliveries in",
            by_itself,
        ),
        (true, false) => Finding::error(
            Code::WebhookSwitchedOff,
            "Gladly switched the webhook off, since the hub did not take deliveries in",
            "Switch it on in Gladly's settings, or allow the hub to: `repair_webhook = true`",
        ),
        (false, _) => Finding::error(
            Code::WebhookDisabled,
            "the webhook is off: no customer is heard",
            "Switch it on in Gladly's settings, or run `baton apply`",
        ),
    })
}

fn clock(ahead: i64) -> Option<Finding> {
    let (far, side) = (ahead.abs(), if ahead > 0 { "ahead of" } else { "behind" });
    let what = format!("this clock is {} s {side} Gladly's", far / SECOND);
    let advice = "Set this machine's clock by NTP: timers and signatures go by it";
    match far {
        _ if far > FAR_SKEW => Some(Finding::error(Code::ClockSkewed, what, advice)),
        _ if far > SKEW => Some(Finding::warning(Code::ClockSkewed, what, advice)),
        _ => None,
    }
}

fn bot(answer: Option<&Result<(), NotTold>>) -> Option<Finding> {
    match answer {
        Some(Ok(())) => None,
        None | Some(Err(NotTold::NoBot)) => Some(Finding::warning(
            Code::BotMissing,
            "the connection has no bot: every conversation ends by the timer `bot_owes`",
            "Name one in `[connection.bot]`",
        )),
        Some(Err(NotTold::NoAnswer)) => Some(Finding::error(
            Code::BotSilent,
            "the bot did not answer its PING within 15 s",
            "Check its URL, and whether it runs; messages are told again and again meanwhile",
        )),
        Some(Err(NotTold::Status(status))) => Some(Finding::error(
            Code::BotRefuses,
            format!("the bot answered its PING with {status}"),
            match status {
                401 | 403 => {
                    "Its credentials or signing key differ from `[connection.bot.secrets]`"
                }
                _ => "Any 2xx accepts: look into the bot's own log",
            },
        )),
    }
}

/// What is wrong with the hub itself.
#[must_use]
pub fn hub(seen: &ProbedHub) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(why) = &seen.table {
        findings.push(Finding::error(
            Code::TableUnreachable,
            format!("the table cannot be read: {why}"),
            "Webhooks are answered 503 meanwhile. Check the table's name, the role's policy and the network",
        ));
    }
    match &seen.set_up {
        Some(Ok(set_up)) => {
            for index in [DUE_INDEX, OPEN_INDEX] {
                if !set_up.indexes.iter().any(|there| there == index) {
                    findings.push(Finding::error(
                        Code::TableIndexMissing,
                        format!("the table has no index `{index}`"),
                        "Deploy the template again: it defines the table",
                    ));
                }
            }
            if !set_up.streams {
                findings.push(Finding::error(
                    Code::TableStreamOff,
                    "the table's stream is off, or has no new images: bots are told by the sweep alone, and nothing is published",
                    "Deploy the template again: it switches the stream on",
                ));
            }
            if set_up.expires_by.as_deref() != Some(TTL) {
                findings.push(Finding::warning(
                    Code::TableExpiryOff,
                    format!("items do not expire by `{TTL}`: what should be forgotten is kept, and paid for"),
                    "Switch time to live on for that attribute",
                ));
            }
        }
        Some(Err(why)) if seen.table.is_none() => findings.push(Finding::warning(
            Code::TableUnknown,
            format!("how the table is set up could not be learned: {why}"),
            "It needs dynamodb:DescribeTable and dynamodb:DescribeTimeToLive",
        )),
        _ => {}
    }
    if let Some(why) = &seen.id_key {
        findings.push(Finding::error(
            Code::IdKeyMissing,
            format!("the key of ids cannot be read: {why}"),
            "Restore it from its backup. Never make a new one: every conversation would be orphaned",
        ));
    }
    if let Some(why) = &seen.settings {
        findings.push(Finding::error(
            Code::SettingsUnreadable,
            format!("the settings cannot be loaded: {why}"),
            "Run `baton apply`",
        ));
    } else if seen.connections == 0 {
        findings.push(Finding::warning(
            Code::NoConnections,
            "no connection is configured",
            "Describe one in `baton.toml` and run `baton apply`",
        ));
    } else if !seen.has_public_url {
        findings.push(Finding::warning(
            Code::PublicUrlMissing,
            "`hub.public_url` is not set: links in notes are left out, and webhooks are recognised by their path alone",
            "Set it to where the hub is reached from outside",
        ));
    }
    if seen.table.is_none() {
        findings.extend(running(seen));
    }
    findings
}

fn running(seen: &ProbedHub) -> Vec<Finding> {
    let mut findings = Vec::new();
    if seen.swept.is_none_or(|ago| ago > SWEEP_EVERY) {
        let what = match seen.swept {
            Some(ago) => format!("the last sweep took its turn {} s ago", ago / SECOND),
            None => "no sweep has ever run".to_owned(),
        };
        findings.push(Finding::error(
            Code::SweepSilent,
            format!("{what}: no timer fires"),
            "Locally: start the hub. On AWS: look at the rule that starts `sweep` each minute, its log and the dead letters",
        ));
    }
    if let Some(behind) = seen.behind.filter(|behind| *behind > BEHIND) {
        let what = format!(
            "`publish` has not come to an entry that is {} s old",
            behind / SECOND
        );
        let advice = "Look at its log, its iterator age and the dead letters; what is in the log is not lost";
        findings.push(if behind > FAR_BEHIND {
            Finding::error(Code::StreamBehind, what, advice)
        } else {
            Finding::warning(Code::StreamBehind, what, advice)
        });
    }
    if seen.sandboxes == Some(0) {
        findings.push(Finding::warning(
            Code::ConcurrencyUnreserved,
            "no concurrency is reserved: nothing bounds the calls to a platform, so its rate limit may be exceeded (429) when many customers write at once, and other functions of the account may take the sweep's place, so that timers are late",
            "Raise the account's limit of concurrent executions and set ReservedConcurrency to on",
        ));
    }
    findings
}

#[cfg(test)]
mod tests;
