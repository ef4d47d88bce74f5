//! The conversation by which cost is judged: ten short messages in and ten out within
//! four minutes and a close, with the bot's timer of 60 s; and the same with two webhooks
//! delivered twice and a handoff. It is played through the domain and the store, with the
//! steps that the functions take, on a clock of its own, and metered.

mod conversation;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use baton_hub::store::codec::CHECKPOINT_SK;
use baton_hub::store::item::{Item, PK, SK, text};
use baton_hub::store::units::{READ_PRICE, WRITE_PRICE};
use baton_hub::store::{Mechanism, Store, Tally};
use baton_local::engine::{Engine, Location};
use baton_local::template::Template;
use conversation::Conversation;
use std::collections::BTreeMap;
use std::fmt;

/// Messages of the conversation, in and out.
pub const MESSAGES: f64 = 20.0;
/// USD per million messages that DynamoDB may cost.
pub const LIMIT: f64 = 2.00;
/// What a plan would cost that spends a write of its own on everything.
pub const NAIVE: f64 = 5.13;
/// What the writes and loads alone cost that no plan can do without.
pub const FLOOR: f64 = 1.25;
/// How many conversations of other rhythms are averaged.
const RHYTHMS: u64 = 8;

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Milliseconds from the first message to the close.
    pub length: i64,
    /// Two webhooks come twice, and the bot hands off before the close.
    pub whole: bool,
    /// The bot's requests carry idempotency keys.
    pub keys: bool,
}

impl Plan {
    /// Four minutes and a close.
    pub const PLAIN: Self = Self {
        length: 240_000,
        whole: false,
        keys: false,
    };
    /// The same with two webhooks delivered twice and a handoff.
    pub const WHOLE: Self = Self {
        whole: true,
        ..Self::PLAIN
    };

    /// The same in this many milliseconds.
    #[must_use]
    pub const fn lasting(self, length: i64) -> Self {
        Self { length, ..self }
    }
}

/// What a conversation used, on average.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    plan: Option<Plan>,
    /// Units of each mechanism.
    pub units: BTreeMap<Mechanism, Tally>,
    /// How often the thread was woken or looked at.
    pub wakes: f64,
    /// Bytes of the largest entry.
    pub entry: usize,
    /// Bytes of the largest checkpoint.
    pub checkpoint: usize,
    /// Bytes of the largest load.
    pub load: usize,
}

impl Bill {
    /// USD per million messages.
    #[must_use]
    pub fn usd(&self) -> f64 {
        self.units.values().map(usd).sum()
    }
}

fn usd(tally: &Tally) -> f64 {
    (tally.write * WRITE_PRICE + tally.read * READ_PRICE) / MESSAGES
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(plan) = self.plan {
            writeln!(
                f,
                "{} s, with handoff and doubles {}, with keys {}",
                plan.length / 1_000,
                plan.whole,
                plan.keys
            )?;
        }
        writeln!(f, "units of one conversation, USD per million messages")?;
        writeln!(
            f,
            "{:<12}{:>8}{:>8}{:>8}",
            "mechanism", "reads", "writes", "USD"
        )?;
        for (mechanism, tally) in &self.units {
            writeln!(
                f,
                "{:<12}{:>8.2}{:>8.2}{:>8.3}",
                mechanism.as_str(),
                tally.read,
                tally.write,
                usd(tally)
            )?;
        }
        writeln!(
            f,
            "{:<28}{:>8.3}  (limit {LIMIT:.2}, floor {FLOOR}, naive {NAIVE})",
            "in all",
            self.usd()
        )?;
        writeln!(
            f,
            "looks {:.2}; largest entry {} B, checkpoint {} B, load {} B",
            self.wakes, self.entry, self.checkpoint, self.load
        )
    }
}

/// Plays the conversation in several rhythms.
pub async fn play(plan: Plan) -> Bill {
    let mut bill = Bill {
        plan: Some(plan),
        ..Bill::default()
    };
    let part = 1.0 / RHYTHMS as f64;
    for seed in 0..RHYTHMS {
        let (tallies, wakes) = once(plan, seed, &mut bill).await;
        bill.wakes += f64::from(wakes) * part;
        for (mechanism, tally) in tallies {
            let total = bill.units.entry(mechanism).or_default();
            total.calls += tally.calls;
            total.read += tally.read * part;
            total.write += tally.write * part;
        }
    }
    bill
}

async fn once(plan: Plan, seed: u64, bill: &mut Bill) -> (BTreeMap<Mechanism, Tally>, u32) {
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
        measure(&chat, bill).await;
        // Room for the handoff and the close at the end.
        at += rhythm.gap((length - 20_000) / 10);
    }
    if whole {
        chat.until(length - 15_000).await;
        chat.handoff().await;
        measure(&chat, bill).await;
    }
    chat.until(length).await;
    chat.platform_closes().await;
    chat.run_out().await;
    measure(&chat, bill).await;
    (chat.table.store.units().take(), chat.wakes)
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

async fn measure(chat: &Conversation, bill: &mut Bill) {
    let items = chat.table.partition(chat.id().as_str()).await;
    let newest: usize = items.iter().rev().take(9).map(size).sum();
    bill.load = bill.load.max(newest);
    for item in &items {
        let largest = if text(item, SK) == Some(CHECKPOINT_SK) {
            &mut bill.checkpoint
        } else {
            &mut bill.entry
        };
        *largest = (*largest).max(size(item));
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

/// The hub's table in an engine of its own.
struct Table {
    store: Store,
    client: Client,
}

const TABLE: &str = "hub";

impl Table {
    async fn new() -> Self {
        let engine = Engine::open(Location::Memory).expect("an engine");
        let template = Template::builtin().expect("the template");
        let created = engine.create_table(&template.table, TABLE).await;
        created.expect("a table");
        let client = engine.client();
        Self {
            store: Store::new(client.clone(), TABLE),
            client,
        }
    }

    /// The same table, for looking without paying.
    fn unmetered(&self) -> Store {
        Store::new(self.client.clone(), TABLE)
    }

    async fn partition(&self, pk: &str) -> Vec<Item> {
        let query = self
            .client
            .query()
            .table_name(TABLE)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .consistent_read(true);
        let items = query
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>();
        items.await.expect("a partition is read")
    }
}
