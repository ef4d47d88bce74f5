//! `baton demo`: a whole story against a hub of its own, with everything real but the
//! customer, the platform and the agent: a chat that is handed to an agent and closed,
//! one that is abandoned, and one whose bot died.

use super::serve::{Running, ServeOptions, serve};
use super::timeline::timeline_of;
use crate::demo_settings::{CONNECTION, DemoTimers};
use baton_domain::ThreadId;
use baton_simulators::gladly::{CustomerView, GladlySim, Speaker, Written};
use std::time::Duration;

/// The demonstration's timers are short: nobody watches a chat fall silent for five
/// minutes. Ten seconds is the shortest that a timer keeps to the second.
const TIMERS: DemoTimers = DemoTimers {
    customer_silent: 12,
    bot_owes: 10,
};
/// How long any one step may take before the story gives up.
const STEP: Duration = Duration::from_secs(25);

/// The command.
pub(super) async fn run() -> Result<(), String> {
    let options = ServeOptions {
        host: "127.0.0.1".to_owned(),
        port: 0,
        data: None,
        config: None,
        timers: TIMERS,
    };
    let running = serve(&options).await.map_err(|error| error.to_string())?;
    println!(
        "A hub of its own at {}, with a simulated Gladly and a sample bot.",
        running.base_url
    );
    println!(
        "Its timers are short: a silent customer {} s, a bot that owes an answer {} s.\n",
        TIMERS.customer_silent, TIMERS.bot_owes
    );
    let told = story(&running).await;
    running.stop().await;
    told
}

async fn story(running: &Running) -> Result<(), String> {
    let (gladly, bot) = running
        .simulated
        .as_ref()
        .ok_or("the demonstration has no simulated platform")?;

    chapter("1. A message, a menu, an agent");
    let chat = write(gladly, "ada", "hello")?;
    bot_answers(gladly, "ada", 1).await?;
    step("the bot greets with a menu");
    gladly.customer_chooses("ada", "Order status")?;
    bot_answers(gladly, "ada", 2).await?;
    step("the customer picks an entry, the bot answers");
    write(gladly, "ada", "I want an agent, please")?;
    served_by(gladly, "ada", "waiting for an agent", |view| {
        view.serves == "queue"
    })
    .await?;
    step("the bot hands over, with a summary and the transcript as a note");
    gladly.agent_accepts("ada", None)?;
    gladly.agent_replies("ada", "Hello, I have your order here.")?;
    gladly.agent_closes("ada")?;
    step("an agent takes over, answers, closes");

    chapter("2. A customer who walks away");
    let silent = write(gladly, "ben", "what are your opening hours")?;
    bot_answers(gladly, "ben", 1).await?;
    step("the bot answers, and then nobody writes");

    chapter("3. A bot that died");
    bot.configure(|bot| bot.dead = true);
    let dead = write(gladly, "cem", "is anybody there")?;
    step("the customer writes, the bot answers every call with an error");

    println!("\nWaiting for what the hub does by itself...");
    closed(running, &chat).await?;
    closed(running, &silent).await?;
    served_by(gladly, "cem", "handed over by the hub", |view| {
        view.serves == "queue"
    })
    .await?;
    settled(running, &dead).await?;

    for (title, written) in [
        ("1. A message, a menu, an agent", &chat),
        ("2. A customer who walks away", &silent),
        ("3. A bot that died", &dead),
    ] {
        println!("\n{title}");
        let id = thread(running, written).await?;
        print!("{}", timeline_of(&running.hub.core, id.as_str()).await?);
    }
    println!("\nThat was the log of each conversation. `baton` serves a hub to try this on.");
    Ok(())
}

fn chapter(title: &str) {
    println!("{title}");
}

fn step(what: &str) {
    println!("   {what}");
}

fn write(gladly: &GladlySim, name: &str, text: &str) -> Result<Written, String> {
    println!("   {name}: {text}");
    gladly.customer_writes(name, text)
}

async fn thread(running: &Running, written: &Written) -> Result<ThreadId, String> {
    let key = running.hub.core.id_key.get().await;
    let key = key.map_err(|error| error.to_string())?;
    Ok(key.thread(
        CONNECTION,
        written.session_id.as_deref().unwrap_or_default(),
    ))
}

/// Waits until the customer has seen so many messages of the bot.
async fn bot_answers(gladly: &GladlySim, name: &str, messages: usize) -> Result<(), String> {
    served_by(gladly, name, "an answer of the bot", |view| {
        let texts = view
            .sessions
            .iter()
            .flat_map(|session| session.texts(Speaker::Bot));
        texts.count() >= messages
    })
    .await
}

async fn served_by(
    gladly: &GladlySim,
    name: &str,
    what: &str,
    seen: impl Fn(&CustomerView) -> bool,
) -> Result<(), String> {
    let came = gladly
        .wait_until(STEP, |gladly| {
            gladly.customer(name).is_some_and(|view| seen(&view))
        })
        .await;
    if came {
        Ok(())
    } else {
        Err(format!("{name} waited for {what} in vain"))
    }
}

/// Waits until the hub has closed the conversation.
async fn closed(running: &Running, written: &Written) -> Result<(), String> {
    let id = thread(running, written).await?;
    for _ in 0..250 {
        let loaded = running
            .hub
            .core
            .store
            .load(&id)
            .await
            .map_err(|error| error.to_string())?;
        if loaded.thread.conversation.is_some() && loaded.thread.open().is_none() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("a conversation stayed open".to_owned())
}

/// Gives the log a moment to take in what the platform was already told.
async fn settled(running: &Running, written: &Written) -> Result<(), String> {
    let id = thread(running, written).await?;
    for _ in 0..50 {
        let done = running
            .hub
            .core
            .store
            .load(&id)
            .await
            .is_ok_and(|loaded| loaded.thread.outbox.is_empty());
        if done {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
