//! New credentials of the webhook, by the page on rotation.

use crate::deployment::Deployment;
use crate::guide;
use baton_simulators::gladly::Speaker;
use std::time::Duration;

const PAGE: &str = "docs/operations/rotation.md";
const SOON: Duration = Duration::from_secs(60);

/// Both sets hold, Gladly has the new one, and nobody notices.
pub(crate) async fn webhook_credentials(hub: &mut Deployment) {
    let blocks = guide::blocks(PAGE);
    let file = hub.folder.join("baton.toml");
    let before = std::fs::read_to_string(&file).expect("the configuration");
    let (start, rest) = before
        .split_once("[endpoint.secrets]")
        .expect("the endpoint's secrets");
    let (_, rest) = rest.split_once("[[connection]]").expect("the connection");
    let after = format!("{start}{}\n\n[[connection]]{rest}", blocks["both"]);
    std::fs::write(&file, after).expect("a file");
    hub.environment.insert(
        "WEBHOOK_PASSWORD_NEXT".to_owned(),
        "test-secret-webhook-next".to_owned(),
    );
    let said = guide::run(&blocks["rotate"], &hub.folder, &hub.environment).await;
    assert!(said.contains("Applied"), "{said}");
    assert!(said.contains("credentials"), "{said}");

    hub.gladly
        .customer_writes("dora", "hello")
        .expect("it is written");
    let answered = hub
        .gladly
        .wait_until(SOON, |sim| {
            let sessions = sim.sessions_of("dora");
            let answers = sessions
                .iter()
                .map(|session| session.texts(Speaker::Bot).len());
            answers.sum::<usize>() >= 1
        })
        .await;
    assert!(answered, "the bot answers: {}", hub.said());
    hub.event("message.sent").await;
    // What was not taken at once would come again half a minute later.
    let deliveries = hub.gladly.deliveries();
    let again = deliveries
        .iter()
        .filter(|delivery| delivery.attempts.len() > 1);
    assert_eq!(again.count(), 0, "{deliveries:#?}");
}
