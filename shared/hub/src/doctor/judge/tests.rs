use super::*;
use crate::doctor::finding::Severity;
use crate::store::description::TableSetUp;
use baton_domain::Timestamp;
use baton_platforms::gladly::webhooks::EVENTS;

fn webhook() -> Webhook {
    Webhook {
        id: "wh_1".to_owned(),
        events: EVENTS.map(str::to_owned).to_vec(),
        enabled: true,
        has_credentials: true,
        header_keys: vec!["x-gladly-token".to_owned()],
        ..Webhook::default()
    }
}

fn well() -> ProbedConnection {
    ProbedConnection {
        endpoint: "main".to_owned(),
        account: Answer::Status(200),
        inbox: Answer::Status(200),
        webhook: ProbedWebhook::Found(webhook()),
        demands: (true, vec!["X-Gladly-Token".to_owned()]),
        clock_ahead: Some(-900),
        bot: Some(Ok(())),
        repairs: true,
    }
}

fn codes(seen: &ProbedConnection) -> Vec<(Code, Severity)> {
    let findings = connection(seen);
    for finding in &findings {
        assert!(!finding.what.is_empty() && !finding.advice.is_empty());
    }
    findings.iter().map(|it| (it.code, it.severity)).collect()
}

fn with_webhook(change: impl FnOnce(&mut Webhook)) -> ProbedConnection {
    let mut webhook = webhook();
    change(&mut webhook);
    ProbedConnection {
        webhook: ProbedWebhook::Found(webhook),
        ..well()
    }
}

#[test]
fn a_healthy_connection_has_no_findings() {
    assert_eq!(codes(&well()), []);
}

#[test]
fn each_answer_of_the_platform_means_something_else() {
    use Severity::Error;
    for (account, code) in [
        (Answer::None, Code::PlatformUnreachable),
        (Answer::Status(401), Code::CredentialsRefused),
        (Answer::Status(403), Code::PermissionMissing),
        (Answer::Status(404), Code::OrganizationUnknown),
        (Answer::Status(503), Code::PlatformFails),
    ] {
        let seen = ProbedConnection {
            account,
            // Follows from the first, and is not told as well.
            inbox: account,
            webhook: ProbedWebhook::Unknown(account),
            ..well()
        };
        assert_eq!(codes(&seen), [(code, Error)]);
    }
    let inbox = ProbedConnection {
        inbox: Answer::Status(404),
        ..well()
    };
    assert_eq!(codes(&inbox), [(Code::InboxUnknown, Error)]);
}

#[test]
fn a_webhook_is_judged_by_all_that_it_needs() {
    use Severity::{Error, Warning};
    let off = with_webhook(|webhook| webhook.enabled = false);
    assert_eq!(codes(&off), [(Code::WebhookDisabled, Error)]);
    let by_gladly = with_webhook(|webhook| {
        webhook.enabled = false;
        webhook.switched_off_at = Some(Timestamp(1));
    });
    assert_eq!(codes(&by_gladly), [(Code::WebhookSwitchedOff, Error)]);
    let by_hand = ProbedConnection {
        repairs: false,
        ..by_gladly
    };
    assert!(connection(&by_hand)[0].advice.contains("repair_webhook"));
    let deaf = with_webhook(|webhook| webhook.events = vec!["CUSTOMER/MERGED".to_owned()]);
    let missing = Code::WebhookEventMissing;
    let wanted = [(missing, Error), (missing, Warning), (missing, Warning)];
    assert_eq!(codes(&deaf), wanted);
    let echo = with_webhook(|webhook| webhook.events.retain(|it| it != EVENTS[1]));
    assert_eq!(codes(&echo), [], "the echo of sent messages is optional");
    let bare = with_webhook(|webhook| webhook.has_credentials = false);
    assert_eq!(codes(&bare), [(Code::WebhookCredentialsMissing, Error)]);
    let other = with_webhook(|webhook| webhook.header_keys.clear());
    assert!(connection(&other)[0].what.contains("X-Gladly-Token"));
    let gone = |elsewhere: Option<&str>| ProbedConnection {
        webhook: ProbedWebhook::Missing {
            wanted: None,
            elsewhere: elsewhere.map(str::to_owned),
        },
        ..well()
    };
    assert_eq!(codes(&gone(None)), [(Code::WebhookMissing, Error)]);
    let there = gone(Some("old.example.com"));
    assert_eq!(codes(&there), [(Code::WebhookElsewhere, Error)]);
    let unknown = ProbedConnection {
        webhook: ProbedWebhook::Unknown(Answer::Status(429)),
        ..well()
    };
    assert_eq!(codes(&unknown), [(Code::WebhookUnknown, Warning)]);
}

#[test]
fn clocks_and_bots_are_judged() {
    use Severity::{Error, Warning};
    for (ahead, expected) in [
        (4_000, None),
        (-6_000, Some(Warning)),
        (300_000, Some(Error)),
    ] {
        let seen = ProbedConnection {
            clock_ahead: Some(ahead),
            ..well()
        };
        let expected: Vec<_> = expected
            .map(|it| (Code::ClockSkewed, it))
            .into_iter()
            .collect();
        assert_eq!(codes(&seen), expected);
    }
    for (bot, code, severity) in [
        (None, Code::BotMissing, Warning),
        (Some(Err(NotTold::NoAnswer)), Code::BotSilent, Error),
        (Some(Err(NotTold::Status(401))), Code::BotRefuses, Error),
    ] {
        let seen = ProbedConnection { bot, ..well() };
        assert_eq!(codes(&seen), [(code, severity)]);
    }
}

fn hub_well() -> ProbedHub {
    ProbedHub {
        connections: 1,
        has_public_url: true,
        set_up: Some(Ok(TableSetUp {
            indexes: vec![DUE_INDEX.to_owned(), OPEN_INDEX.to_owned()],
            streams: true,
            expires_by: Some(TTL.to_owned()),
        })),
        swept: Some(61_000),
        behind: Some(2_000),
        sandboxes: Some(85),
        ..ProbedHub::default()
    }
}

fn of_hub(change: impl FnOnce(&mut ProbedHub)) -> Vec<Code> {
    let mut seen = hub_well();
    change(&mut seen);
    hub(&seen).iter().map(|finding| finding.code).collect()
}

#[test]
fn the_hub_itself_is_judged() {
    assert_eq!(of_hub(|_| ()), []);
    assert_eq!(of_hub(|seen| seen.set_up = None), [], "nobody asked");
    assert_eq!(of_hub(|seen| seen.swept = None), [Code::SweepSilent]);
    assert_eq!(
        of_hub(|seen| seen.swept = Some(151_000)),
        [Code::SweepSilent]
    );
    assert_eq!(
        of_hub(|seen| seen.behind = Some(90_000)),
        [Code::StreamBehind]
    );
    assert_eq!(of_hub(|seen| seen.behind = None), []);
    let unreserved = of_hub(|seen| seen.sandboxes = Some(0));
    assert_eq!(unreserved, [Code::ConcurrencyUnreserved]);
    assert_eq!(of_hub(|seen| seen.connections = 0), [Code::NoConnections]);
    let local = of_hub(|seen| seen.has_public_url = false);
    assert_eq!(local, [Code::PublicUrlMissing]);
    assert_eq!(
        of_hub(|seen| seen.id_key = Some("no".to_owned())),
        [Code::IdKeyMissing]
    );
    let odd = of_hub(|seen| {
        seen.set_up = Some(Ok(TableSetUp {
            indexes: vec![DUE_INDEX.to_owned()],
            streams: false,
            expires_by: None,
        }));
    });
    let expected = [
        Code::TableIndexMissing,
        Code::TableStreamOff,
        Code::TableExpiryOff,
    ];
    assert_eq!(odd, expected);
    // What follows from a table that cannot be read is not told as well.
    let down = of_hub(|seen| {
        seen.table = Some("throttled".to_owned());
        seen.set_up = Some(Err("throttled".to_owned()));
        seen.swept = None;
    });
    assert_eq!(down, [Code::TableUnreachable]);
}
