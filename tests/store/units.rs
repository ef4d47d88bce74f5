//! What the reference conversation costs: 10 short messages in and 10 out within
//! four minutes and a close, with the bot's timer of 60 s; and the same with two
//! webhooks delivered twice and a handoff. The tables are printed; run with
//! `--no-capture` to see them.

use crate::conversation::Conversation;
use aws_sdk_dynamodb::types::AttributeValue;
use baton_hub::store::codec::CHECKPOINT_SK;
use baton_hub::store::item::{Item, SK, text};
use baton_hub::store::units::{READ_PRICE, WRITE_PRICE};
use baton_hub::store::{Mechanism, Tally};
use std::collections::BTreeMap;

/// Messages of the conversation, in and out.
const MESSAGES: f64 = 20.0;
/// USD per million messages that DynamoDB may cost.
const LIMIT: f64 = 2.00;
/// What a plan would cost that spends a write of its own on everything.
const NAIVE: f64 = 5.13;
/// What the writes and loads alone cost that no plan can do without.
const FLOOR: f64 = 1.25;
/// How many conversations of other rhythms are averaged.
const SEEDS: u64 = 8;

/// What is played.
#[derive(Clone, Copy)]
struct Plan {
    /// Milliseconds from the first message to the close.
    length: i64,
    /// Two webhooks come twice, and the bot hands off before the close.
    whole: bool,
    /// The bot's requests carry idempotency keys.
    keys: bool,
}

const PLAIN: Plan = Plan {
    length: 240_000,
    whole: false,
    keys: false,
};

/// The largest of each kind of item seen.
#[derive(Default)]
struct Sizes {
    entry: usize,
    checkpoint: usize,
    load: usize,
}

/// A customer's rhythm: gaps between half and one and a half of the mean.
struct Rhythm(u64);

impl Rhythm {
    fn gap(&mut self, mean: i64) -> i64 {
        // Knuth's MMIX generator: the same rhythm for the same seed.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        mean / 2 + i64::try_from(self.0 >> 33).unwrap_or_default() % mean
    }
}

/// Plays the conversation; the units of each mechanism, and how often it was woken.
async fn play(plan: Plan, seed: u64, sizes: &mut Sizes) -> (BTreeMap<Mechanism, Tally>, u32) {
    let Plan {
        length,
        whole,
        keys,
    } = plan;
    let mut chat = Conversation::new(keys).await;
    let mut rhythm = Rhythm(seed);
    let mut at = 0;
    for turn in 1..=10 {
        chat.until(at).await;
        chat.customer("Where is my order? I have waited for a week now.")
            .await;
        if whole && (turn == 3 || turn == 7) {
            chat.until(at + 900).await;
            chat.duplicate().await;
        }
        chat.until(at + 1_000 + rhythm.gap(2_000)).await;
        chat.bot("Thank you, I am looking it up. Could you tell me its number?")
            .await;
        measure(&chat, sizes).await;
        // Room for the handoff and the close at the end.
        at += rhythm.gap((length - 20_000) / 10);
    }
    if whole {
        chat.until(length - 15_000).await;
        chat.handoff().await;
        measure(&chat, sizes).await;
    }
    chat.until(length).await;
    chat.platform_closes().await;
    chat.run_out().await;
    measure(&chat, sizes).await;
    (chat.table.store.units().take(), chat.wakes)
}

async fn measure(chat: &Conversation, sizes: &mut Sizes) {
    let items = chat.table.partition(chat.id().as_str()).await;
    let newest: usize = items.iter().rev().take(9).map(size).sum();
    sizes.load = sizes.load.max(newest);
    for item in &items {
        let kind = if text(item, SK) == Some(CHECKPOINT_SK) {
            &mut sizes.checkpoint
        } else {
            &mut sizes.entry
        };
        *kind = (*kind).max(size(item));
    }
}

/// Bytes of an item as DynamoDB counts them: names, UTF-8 text and binary as they
/// are, a number one byte for two digits and one more (DynamoDB developer guide,
/// "Item sizes and formats").
fn size(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        other => panic!("no such attribute is stored: {other:?}"),
    };
    item.iter()
        .map(|(name, held)| name.len() + value(held))
        .sum()
}

async fn table(plan: Plan) -> f64 {
    let mut sum: BTreeMap<Mechanism, Tally> = BTreeMap::new();
    let (mut wakes, mut sizes) = (0, Sizes::default());
    for seed in 0..SEEDS {
        let (tallies, woken) = play(plan, seed, &mut sizes).await;
        wakes += woken;
        for (mechanism, tally) in tallies {
            let total = sum.entry(mechanism).or_default();
            total.calls += tally.calls;
            total.read += tally.read;
            total.write += tally.write;
        }
    }
    let part = 1.0 / SEEDS as f64;
    let Plan {
        length,
        whole,
        keys,
    } = plan;
    println!(
        "\n{} s, with handoff and doubles {whole}, with keys {keys}",
        length / 1_000
    );
    println!("units of one conversation, USD per million messages");
    println!(
        "{:<12}{:>8}{:>8}{:>8}{:>8}",
        "mechanism", "calls", "reads", "writes", "USD"
    );
    let mut total = 0.0;
    for (mechanism, tally) in &sum {
        let usd = (tally.write * WRITE_PRICE + tally.read * READ_PRICE) * part / MESSAGES;
        total += usd;
        println!(
            "{:<12}{:>8.2}{:>8.2}{:>8.2}{usd:>8.3}",
            mechanism.as_str(),
            tally.calls as f64 * part,
            tally.read * part,
            tally.write * part,
        );
    }
    println!(
        "{:<36}{total:>8.3}  (limit {LIMIT}, floor {FLOOR}, naive {NAIVE})",
        "in all"
    );
    println!(
        "wakes {:.2}; largest entry {} B, checkpoint {} B, load {} B",
        f64::from(wakes) * part,
        sizes.entry,
        sizes.checkpoint,
        sizes.load
    );
    assert!(sizes.entry <= 1_024 && sizes.checkpoint <= 1_024 && sizes.load <= 4_096);
    total
}

#[tokio::test]
async fn a_conversation_costs_little() {
    let plain = table(PLAIN).await;
    assert!(plain <= LIMIT, "{plain:.3} USD");
    let whole = Plan {
        whole: true,
        ..PLAIN
    };
    let with_all = table(whole).await;
    assert!(with_all <= LIMIT, "{with_all:.3} USD");
    table(Plan {
        keys: true,
        ..whole
    })
    .await;
    for plan in [PLAIN, whole] {
        table(Plan {
            length: 600_000,
            ..plan
        })
        .await;
    }
}
