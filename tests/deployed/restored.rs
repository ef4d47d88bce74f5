//! A restore: every item in a new table with a stream of its own, as point-in-time recovery
//! leaves them; the same id key and secrets; and the hub goes on.

use crate::deployment::{Deployment, make_table};
use crate::guide;
use baton_simulators::gladly::Speaker;
use serde_json::{Value, json};
use std::time::Duration;

const PAGE: &str = "docs/operations/backup.md";
const SOON: Duration = Duration::from_secs(60);

/// A conversation stands open, the table is restored, and the conversation goes on.
pub(crate) async fn goes_on(hub: &mut Deployment) {
    let gladly = hub.gladly.clone();
    let said = move |least: usize| {
        let sessions = gladly.sessions_of("cleo");
        let texts = sessions
            .iter()
            .map(|session| session.texts(Speaker::Bot).len());
        texts.sum::<usize>() >= least
    };
    hub.gladly
        .customer_writes("cleo", "hello")
        .expect("it is written");
    let answered = hub.gladly.wait_until(SOON, |_| said(1)).await;
    assert!(answered, "the bot answers: {}", hub.said());
    let conversation = opened(hub).await;

    let table = hub.output("TableName").to_owned();
    let restored = format!("{table}-restored");
    make_table(&hub.database, &hub.stack, &restored).await;
    let items = copy(hub, &table, &restored).await;
    assert!(items > 20, "{items} items");
    hub.work_on(&restored).await;
    let mut environment = hub.environment.clone();
    environment.extend([
        ("TABLE".to_owned(), table),
        ("SECRET_ARN".to_owned(), hub.output("SecretArn").to_owned()),
        ("ID_KEY_ARN".to_owned(), hub.output("IdKeyArn").to_owned()),
        ("CONVERSATION".to_owned(), conversation.clone()),
    ]);
    let look = &guide::blocks(PAGE)["look"];
    let seen = guide::run(look, &hub.folder, &environment).await;
    assert!(seen.contains("shop-chat"), "{seen}");
    assert!(seen.contains(&conversation), "{seen}");

    hub.gladly
        .customer_writes("cleo", "opening hours")
        .expect("it is written");
    let answered = hub.gladly.wait_until(SOON, |_| said(2)).await;
    assert!(answered, "the bot answers again: {}", hub.said());
    hub.gladly
        .customer_writes("cleo", "I want an agent")
        .expect("it is written");
    let accepted = hub
        .gladly
        .wait_until(SOON, |sim| sim.agent_accepts("cleo", None).is_ok())
        .await;
    assert!(accepted, "it is handed off: {}", hub.said());
    let passed = hub.event("control.passed").await;
    assert_eq!(passed["detail"]["conversation"], conversation, "{passed}");
    assert!(hub.gladly.violations().is_empty());
    assert_eq!(hub.gladly.repeated_bot_messages(), 0);
}

/// The conversation that was opened last, when the bus has told of the bot's answer, too.
async fn opened(hub: &Deployment) -> String {
    let opened = hub.event("conversation.opened").await;
    hub.event("message.sent").await;
    let conversation = opened["detail"]["conversation"].as_str();
    conversation.expect("an id").to_owned()
}

/// Copies every item; how many.
async fn copy(hub: &Deployment, from: &str, to: &str) -> usize {
    let mut copied = 0;
    let mut after = Value::Null;
    loop {
        let mut asked = json!({"TableName": from, "ConsistentRead": true});
        if !after.is_null() {
            asked["ExclusiveStartKey"] = after;
        }
        let page = hub.database.ask("DynamoDB_20120810.Scan", &asked).await;
        let page = page.expect("it can be read");
        for item in page["Items"].as_array().into_iter().flatten() {
            let put = json!({"TableName": to, "Item": item});
            let put = hub.database.ask("DynamoDB_20120810.PutItem", &put).await;
            put.expect("it can be written");
            copied += 1;
        }
        after = page["LastEvaluatedKey"].clone();
        if after.is_null() {
            return copied;
        }
    }
}
