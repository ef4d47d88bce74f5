//! `baton doctor` against a running hub: what is wrong outside is found, and nothing else.

use crate::process::World;
use serde_json::Value;

fn codes(findings: &Value) -> Vec<String> {
    let findings = findings.as_array().expect("a list");
    let codes = findings
        .iter()
        .filter_map(|finding| finding["code"].as_str());
    codes.map(str::to_owned).collect()
}

/// What the command finds: whether it succeeds, of the hub, and of the connection.
fn doctor(world: &World) -> (bool, Vec<String>, Vec<String>) {
    let (ok, text, problem) = world.hub.operate(&["doctor", "--json"]);
    let report: Value = text.parse().unwrap_or_else(|_| panic!("{text}{problem}"));
    let connection = &report["connections"][0];
    assert_eq!(connection["id"], "shop-chat");
    // Whether the sweep has come to it yet, is the machine's speed.
    let mut of_connection = codes(&connection["findings"]);
    of_connection.retain(|code| code != "checkup_overdue");
    let mut of_hub = codes(&report["hub"]);
    of_hub.retain(|code| code != "sweep_silent");
    (ok, of_hub, of_connection)
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

// The command blocks a thread, and the platform and the bot must answer meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_finds_what_is_wrong_outside() {
    let world = World::new("doctor", "off").await;
    // Until the first sweep has taken its turn.
    let sweeps = || {
        world
            .hub
            .operate(&["doctor", "--json"])
            .1
            .contains("sweep_silent")
    };
    for _ in 0..600 {
        if !sweeps() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let (ok, hub, connection) = doctor(&world);
    assert!(ok, "{hub:?} {connection:?}");
    assert_eq!(hub, ["public_url_missing"], "it is a laptop");
    assert_eq!(
        connection,
        texts(&["webhook_event_missing"]),
        "CUSTOMER/MERGED"
    );

    world.bot.configure(|bot| bot.dead = true);
    let (ok, _, connection) = doctor(&world);
    assert!(!ok);
    assert_eq!(connection, texts(&["webhook_event_missing", "bot_refuses"]));
    let (ok, shown, problem) = world.hub.operate(&["doctor"]);
    assert!(!ok);
    assert!(
        shown.contains("error: the bot answered its PING with 503 [bot_refuses]"),
        "{shown}"
    );
    assert!(problem.contains("1 error was found"), "{problem}");

    world.bot.configure(|bot| bot.dead = false);
    world
        .gladly
        .configure(|gladly| gladly.api_token = "test-another-token".to_owned());
    let (ok, _, connection) = doctor(&world);
    assert!(!ok);
    assert_eq!(connection, ["credentials_refused"]);
}
