//! `kill -9` at any moment; the platform and the bot live on.

use crate::process::World;
use baton_simulators::bot::SampleBot;
use baton_simulators::gladly::{GladlySim, Speaker};
use baton_simulators::random::Random;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nothing_is_lost_or_doubled() {
    let mut world = World::new("crash", "warn").await;
    let (gladly, bot) = (world.gladly.clone(), world.bot.clone());

    let seed = crate::stage::seed();
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let names = ["ada", "ben", "cem"];
    let mut written = Vec::new();
    for round in 0..8 {
        for name in names {
            let text = format!("message {round} of {name}");
            gladly
                .customer_writes(name, &text)
                .expect("the customer can write");
            written.push(text);
        }
        tokio::time::sleep(Duration::from_millis(random.below(250))).await;
        world.hub.kill();
        world.hub.start().await;
    }
    let all_told = |bot: &SampleBot| {
        let told = bot.told();
        written
            .iter()
            .all(|text| told.iter().any(|told| told.text.as_ref() == Some(text)))
    };
    assert!(
        bot.wait_until(Duration::from_secs(60), all_told).await,
        "every message is told"
    );
    let answered = |gladly: &GladlySim| {
        names.iter().all(|name| {
            let view = gladly.customer(name);
            view.is_some_and(|view| {
                view.sessions
                    .iter()
                    .map(|session| session.texts(Speaker::Bot).len())
                    .sum::<usize>()
                    >= 8
            })
        })
    };
    let came = gladly.wait_until(Duration::from_secs(60), answered).await;
    let counts: Vec<usize> = gladly
        .transcript()
        .iter()
        .map(|session| session.texts(Speaker::Bot).len())
        .collect();
    assert!(
        came,
        "every message is answered: {counts:?}, the bot failed to {:?}",
        bot.failed_calls()
    );
    assert_eq!(gladly.repeated_bot_messages(), 0, "no answer twice");
}
