//! What is shown: the stack has what the template says; a conversation goes all the way;
//! what the bus refused is sent again, and nothing else; what the bus took is what happened.

use crate::bus::Try;
use crate::deployment::{Deployment, guide, logical_id};
use crate::{given_up, released, restored, rotated};
use baton_local::template::Template;
use baton_simulators::gladly::{SessionState, Speaker};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
/// What came before its thread's other names were known waits for the sweep to look again.
const LOOKED_AGAIN: Duration = Duration::from_secs(150);
/// An agent reads before taking a conversation. Names are kept two seconds late.
const READS: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_leads_to_a_working_bot() {
    let Some(mut hub) = Deployment::by_the_guide().await else {
        return;
    };
    has_what_the_template_says(&hub.stack);
    said_what_it_should(&hub);
    converse(&hub).await;
    let events = what_the_bus_took(&hub).await;
    only_what_was_refused_came_again(&hub);
    is_what_happened(&hub, &events).await;

    hub.follow("look").await;
    let left = &hub.printed["look"];
    assert!(left.to_lowercase().contains("no"), "{left}");
    released::is_looked_at(&hub).await;
    given_up::is_replayed(&hub).await;
    rotated::secrets(&mut hub).await;
    restored::goes_on(&mut hub).await;
    let letters = hub.letters.recent();
    assert!(letters.is_empty(), "{letters:?}");
    let followed: BTreeSet<&str> = hub.printed.keys().map(String::as_str).collect();
    let blocks: BTreeSet<&str> = hub.blocks().into_iter().collect();
    let read: BTreeSet<&str> = ["configuration"].into();
    assert_eq!(
        followed,
        &blocks - &read,
        "{} says what is rehearsed",
        guide().display()
    );
}

/// Resources by what their own services say of them.
fn has_what_the_template_says(stack: &Value) {
    assert_eq!(stack["status"], "CREATE_COMPLETE");
    let is = |name: &str| {
        let resource = &stack["resources"][name]["is"];
        assert!(resource.is_object() || resource.is_array(), "no {name}");
        resource
    };
    let table = is("Table");
    assert_eq!(
        table["table"]["StreamSpecification"]["StreamViewType"],
        "NEW_IMAGE"
    );
    assert_eq!(table["ttl"]["AttributeName"], "ttl");
    assert_eq!(table["ttl"]["TimeToLiveStatus"], "ENABLED");
    assert_eq!(table["recovery"]["PointInTimeRecoveryStatus"], "ENABLED");
    let indexes = table["table"]["GlobalSecondaryIndexes"].as_array();
    let indexes: Vec<&str> = indexes
        .expect("indexes")
        .iter()
        .filter_map(|index| index["IndexName"].as_str())
        .collect();
    assert_eq!(indexes, ["due", "open"]);

    let letters = is("DeadLetters");
    assert_eq!(letters["MessageRetentionPeriod"], "1209600");
    let letters = letters["QueueArn"].as_str().expect("an ARN").to_owned();
    let slice = is("SweepFunctionSlice");
    assert_eq!(slice["EventBusName"], stack["outputs"]["BusName"]);
    assert_eq!(slice["Targets"][0]["DeadLetterConfig"]["Arn"], letters);
    assert_eq!(
        is("SweepFunctionTick")["ScheduleExpression"],
        "rate(1 minute)"
    );
    is("Bus");
    is("Secret");
    is("IdKey");

    let template = Template::builtin().expect("the template");
    for function in &template.functions {
        let name = logical_id(&function.name);
        let role = name.replace("Function", "Role");
        let deployed = is(&name);
        assert_eq!(deployed["Timeout"], function.timeout.as_secs(), "{name}");
        assert_eq!(is(&role).as_array().map(Vec::len), Some(1), "{role}");
        let log = is(&name.replace("Function", "Log"));
        assert_eq!(log["retentionInDays"], 30);
    }
    for stream in &template.streams {
        let mapping = is(&format!("{}Entries", logical_id(&stream.function)));
        assert_eq!(mapping["ParallelizationFactor"], 1);
        assert_eq!(mapping["BatchSize"], stream.batch_size);
        assert_eq!(
            mapping["FunctionResponseTypes"][0],
            "ReportBatchItemFailures"
        );
        assert_eq!(
            mapping["DestinationConfig"]["OnFailure"]["Destination"],
            letters
        );
    }
    let resources = stack["resources"].as_object().expect("resources");
    let alarms = resources
        .values()
        .filter(|resource| resource["type"] == "AWS::CloudWatch::Alarm");
    let alarms: Vec<&Value> = alarms.map(|alarm| &alarm["is"]["AlarmArn"]).collect();
    assert!(alarms.len() >= 5, "{} alarms", alarms.len());
    assert!(alarms.iter().all(|arn| arn.is_string()), "{alarms:?}");
}

fn said_what_it_should(hub: &Deployment) {
    for (block, words) in [
        ("outputs", "SecretArn"),
        ("apply", "the bot answers its PING"),
        ("apply", "the webhook was made and switched on"),
        ("again", "shop-chat"),
    ] {
        let said = &hub.printed[block];
        assert!(said.contains(words), "{block} does not say {words}: {said}");
    }
    let again = &hub.printed["again"];
    assert!(!again.contains("Applied"), "it changed something: {again}");
}

/// One customer is handed off, served and closed by an agent; another's conversation the
/// bot closes.
async fn converse(hub: &Deployment) {
    let gladly = &hub.gladly;
    let told = |what: &str| format!("{what}: {:?}\n{}", hub.bot.failed_calls(), hub.said());
    let bot_said = |name: &str, least: usize| {
        let sessions = gladly.sessions_of(name);
        let texts = sessions
            .iter()
            .map(|session| session.texts(Speaker::Bot).len());
        texts.sum::<usize>() >= least
    };
    for name in ["ada", "bob"] {
        gladly
            .customer_writes(name, "hello")
            .expect("it is written");
    }
    for name in ["ada", "bob"] {
        let answered = gladly.wait_until(SOON, |_| bot_said(name, 1)).await;
        assert!(answered, "{}", told("the bot answers"));
    }
    gladly
        .customer_writes("ada", "opening hours")
        .expect("it is written");
    let answered = gladly.wait_until(SOON, |_| bot_said("ada", 2)).await;
    assert!(answered, "{}", told("the bot answers again"));
    gladly
        .customer_writes("ada", "I want an agent")
        .expect("it is written");
    gladly.customer_writes("bob", "bye").expect("it is written");
    tokio::time::sleep(READS).await;
    let accepted = gladly
        .wait_until(SOON, |sim| sim.agent_accepts("ada", None).is_ok())
        .await;
    assert!(accepted, "{}", told("it is handed off"));
    gladly.agent_replies("ada", "how can I help").expect("said");
    gladly.agent_closes("ada").expect("closed");
    let closed = gladly
        .wait_until(SOON, |sim| {
            let sessions = sim.sessions_of("bob");
            sessions
                .iter()
                .all(|session| matches!(session.state, SessionState::Closed(_)))
        })
        .await;
    assert!(closed, "{}", told("the bot closes"));
    let violations = gladly.violations();
    assert!(violations.is_empty(), "{violations:#?}");
    assert_eq!(gladly.repeated_bot_messages(), 0);
}

/// What came out of the queue, until both conversations are closed and a quiet second has
/// passed.
async fn what_the_bus_took(hub: &Deployment) -> Vec<Value> {
    let end = Instant::now() + LOOKED_AGAIN;
    let mut events = Vec::new();
    let mut quiet = 0;
    loop {
        let taken = hub.queue.take(&hub.stand).await;
        quiet = if taken.is_empty() { quiet + 1 } else { 0 };
        events.extend(taken);
        let closed = |event: &&Value| event["detail-type"] == "conversation.closed";
        if events.iter().filter(closed).count() >= 2 && quiet >= 10 {
            return events;
        }
        assert!(Instant::now() < end, "{events:#?}\n{}", hub.said());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn only_what_was_refused_came_again(hub: &Deployment) {
    let tries = hub.bus.tries();
    for (id, tries) in &tries {
        let (last, before) = tries.split_last().expect("it was sent");
        assert!(last.taken, "{id} was never taken: {tries:#?}");
        assert!(
            before.iter().all(|tried| !(tried.taken && tried.heard)),
            "{id} was taken and sent again: {tries:#?}"
        );
        assert!(
            before.iter().all(|tried| tried.entry == last.entry),
            "{id} was sent again with another content: {tries:#?}"
        );
    }
    let refused = |least: usize| {
        let often = move |tries: &&Vec<Try>| tries.iter().filter(|it| !it.taken).count() > least;
        tries.values().filter(often)
    };
    assert!(refused(0).count() >= 3, "too little was refused");
    assert_eq!(
        refused(2).count(),
        1,
        "one was refused until the stream brought it again"
    );
}

/// The events that the queue got are those of the conversations' own feeds, each once.
async fn is_what_happened(hub: &Deployment, events: &[Value]) {
    let sent = hub.bus.tries();
    let mut taken: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in events {
        let detail = &event["detail"];
        assert_eq!(event["source"], "baton");
        // Events of connections have no conversation.
        if detail["conversation"].is_null() {
            continue;
        }
        assert_eq!(event["detail-type"], detail["event"]);
        let words = ["hello", "opening hours", "I want an agent", "What can I do"];
        let said = words.iter().find(|said| event.to_string().contains(**said));
        assert_eq!(said, None, "what was said is not on the bus: {event}");
        let id = |name: &str| detail[name].as_str().expect("an id").to_owned();
        let new = taken
            .entry(id("conversation"))
            .or_default()
            .insert(id("id"));
        let again = sent
            .get(&id("id"))
            .is_some_and(|tries| tries.iter().any(|tried| tried.taken && !tried.heard));
        assert!(new || again, "{} came twice", detail["id"]);
    }
    assert_eq!(taken.len(), 2, "{taken:#?}");
    for (conversation, taken) in taken {
        let feed = hub
            .get(&format!("/v1/conversations/{conversation}/events"))
            .await;
        let happened = feed["events"].as_array();
        let happened: BTreeSet<String> = happened
            .unwrap_or_else(|| panic!("{feed}"))
            .iter()
            .filter_map(|event| event["id"].as_str().map(str::to_owned))
            .collect();
        assert!(happened.len() >= 5, "{feed}");
        assert_eq!(taken, happened);
    }
}
