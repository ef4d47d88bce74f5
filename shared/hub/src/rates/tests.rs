//! The pace of one sandbox, and of many against a model of Gladly's limit.

use super::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

mod wire;

const A: &str = "https://acme.example.com";

fn take(rates: &Rates, at: i64) -> i64 {
    let slot = rates.take(A, Method::Post, Timestamp(at), 60 * SECOND);
    slot.expect("a minute is enough").wait
}

fn learn(rates: &Rates, at: i64, status: u16, remaining: Option<i64>) {
    let sign = Sign {
        status,
        limit: None,
        remaining,
    };
    rates.learn(A, Method::Post, &sign, Timestamp(at), 0);
}

#[test]
fn alone_it_never_exceeds_the_limit_in_any_second() {
    let rates = Rates::new(5);
    let mut at = 100_000;
    let mut sent = Vec::new();
    for n in 0..60 {
        // A pause now and then, after which some may go at once.
        at += if n % 20 == 19 { 3_000 } else { 0 };
        at += take(&rates, at);
        sent.push(at);
    }
    for (first, eleventh) in sent.iter().zip(&sent[10..]) {
        // bites: a burst on top of a full second's worth.
        assert!(eleventh - first >= SECOND, "{first} to {eleventh}");
    }
    assert!(sent[18] - sent[0] <= 2_000, "it uses what it may");
}

#[test]
fn when_scarce_it_keeps_to_its_share_and_other_methods_do_not_care() {
    let rates = Rates::new(5);
    let start = 100_000;
    let mut at = start;
    take(&rates, at);
    learn(&rates, at, 429, Some(0));
    for _ in 0..5 {
        at += take(&rates, at);
    }
    assert!(at - start >= 2_100, "5 requests took {} ms", at - start);
    let other = rates.take(A, Method::Get, Timestamp(at), 0);
    assert_eq!(other.map(|slot| slot.wait), Some(0));
}

#[test]
fn a_request_that_cannot_wait_takes_no_place() {
    let rates = Rates::new(1);
    while rates.take(A, Method::Post, Timestamp(0), 0).is_some() {}
    // bites: taking the place before looking at how long it may wait.
    for _ in 0..1_000 {
        assert_eq!(rates.take(A, Method::Post, Timestamp(0), 0), None);
    }
    let next = rates.take(A, Method::Post, Timestamp(0), SECOND);
    assert!(next.is_some_and(|slot| slot.wait <= 200), "{next:?}");
}

#[test]
fn a_sign_of_scarcity_dissolves_the_queue_that_stands() {
    let rates = Rates::new(20);
    let slots: Vec<Slot> = (0..20)
        .filter_map(|_| rates.take(A, Method::Post, Timestamp(0), 60 * SECOND))
        .collect();
    let last = slots[19];
    assert!(last.wait > 0 && rates.holds(A, Method::Post, last));
    learn(&rates, 10, 429, Some(0));
    // bites: twenty requests that go on at the whole limit after the 429.
    assert!(!rates.holds(A, Method::Post, last));
    assert!(rates.holds(A, Method::Post, slots[0]), "it has gone");
}

#[test]
fn a_header_that_says_another_limit_is_believed() {
    let rates = Rates::new(1);
    let sign = |limit| Sign {
        status: 200,
        limit: Some(limit),
        remaining: Some(90),
    };
    for limit in [100, 0, -3, i64::MAX] {
        rates.learn(A, Method::Post, &sign(limit), Timestamp(0), 0);
    }
    let took: i64 = (0..50).map(|_| take(&rates, 0)).max().unwrap();
    assert!(took <= 500, "the 50th waits {took} ms");
}

/// Gladly's limit as a token bucket, like the simulator's.
struct Bucket {
    tokens: f64,
    at: i64,
}

impl Bucket {
    fn new(at: i64) -> Self {
        Self { tokens: 10.0, at }
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    fn ask(&mut self, at: i64) -> Sign {
        self.tokens = (self.tokens + (at - self.at) as f64 / 100.0).min(10.0);
        self.at = at;
        let status = if self.tokens < 1.0 { 429 } else { 200 };
        if status == 200 {
            self.tokens -= 1.0;
        }
        Sign {
            status,
            limit: Some(10),
            remaining: Some(if status == 200 { self.tokens as i64 } else { 0 }),
        }
    }
}

/// A seeded source of chance (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, below: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % below.unsigned_abs()).unwrap()
    }
}

/// What sandboxes came to that made their calls one after the other.
#[derive(Debug, Default)]
struct Came {
    done: usize,
    refused: usize,
    refused_after_10_s: usize,
    waits: Vec<i64>,
    took: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Wants a place.
    Ask,
    /// Has waited for its place.
    Go(i64, u64),
    /// Gets its answer.
    Answer(u16, i64),
}

/// `busy` of `reserved` sandboxes start at the same moment and make `calls` each,
/// with `pause` milliseconds between them.
fn run(reserved: u32, busy: usize, calls: usize, pause: i64, seed: u64) -> Came {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let start = 1_000_000;
    let mut bucket = Bucket::new(start);
    let sandboxes: Vec<Rates> = (0..busy).map(|_| Rates::new(reserved)).collect();
    let mut left = vec![calls; busy];
    let mut failures = vec![0u32; busy];
    let mut agenda: BinaryHeap<Reverse<(i64, usize, Step)>> =
        (0..busy).map(|n| Reverse((start, n, Step::Ask))).collect();
    let mut came = Came::default();
    while let Some(Reverse((at, n, step))) = agenda.pop() {
        let rates = &sandboxes[n];
        let now = Timestamp(at);
        let next = match step {
            Step::Ask => match rates.take(A, Method::Post, now, 4 * SECOND) {
                Some(slot) => {
                    came.waits.push(slot.wait);
                    (at + slot.wait, Step::Go(slot.wait, slot.queue))
                }
                // Put off: its next owner asks again.
                None => (at + 2 * SECOND + dice.below(2_000), Step::Ask),
            },
            Step::Go(wait, queue) => {
                if rates.holds(A, Method::Post, Slot { wait, queue }) {
                    let sign = bucket.ask(at);
                    let left = sign.remaining.unwrap();
                    (at + 30 + dice.below(60), Step::Answer(sign.status, left))
                } else {
                    (at, Step::Ask)
                }
            }
            Step::Answer(status, remaining) => {
                let sign = Sign {
                    status,
                    limit: Some(10),
                    remaining: Some(remaining),
                };
                rates.learn(A, Method::Post, &sign, now, dice.below(CHANCES));
                if status == 429 {
                    came.refused += 1;
                    came.refused_after_10_s += usize::from(at - start > 10 * SECOND);
                    failures[n] += 1;
                    // The deliverer's backoff.
                    (at + 100 + dice.below(400 << failures[n].min(4)), Step::Ask)
                } else {
                    failures[n] = 0;
                    came.done += 1;
                    left[n] -= 1;
                    came.took = at - start;
                    if left[n] == 0 {
                        continue;
                    }
                    (at + pause, Step::Ask)
                }
            }
        };
        agenda.push(Reverse((next.0, n, next.1)));
    }
    came
}

#[test]
fn fifty_sandboxes_lose_no_call_and_few_are_refused() {
    let runs: Vec<Came> = (1..=20).map(|seed| run(50, 50, 100, 0, seed)).collect();
    let (mut refused, mut late) = (0, 0);
    for came in &runs {
        assert_eq!(came.done, 5_000, "no call is lost");
        let ideal = (5_000 - 10) * 100;
        assert!(came.took < ideal * 106 / 100, "took {} ms", came.took);
        refused += came.refused;
        late += came.refused_after_10_s;
    }
    let made = 20 * 5_000 + refused;
    // bites: a gap that shrinks with every good answer (3 to 5 %).
    assert!(refused * 100 < made, "{refused} of {made} were refused");
    // Forty of each run's fifty first calls are beyond anybody's help: nothing is known,
    // and the platform takes ten at once.
    assert!(late * 500 < made, "{late} of {made} were refused later");
}

#[test]
fn a_few_of_many_reserved_sandboxes_are_not_held_to_their_share_for_ever() {
    for seed in 1..=5 {
        let came = run(50, 5, 120, 0, seed);
        assert_eq!(came.done, 600);
        assert!(came.refused <= 3, "{}", came.refused);
        // bites: a gap that does not shrink (ten minutes for 120 calls).
        assert!(came.took < 400 * SECOND, "took {} ms", came.took);
    }
}

#[test]
fn a_lone_conversation_waits_for_nobody() {
    for pause in [300, 2_000, 12_000, 100_000] {
        let mut came = run(50, 1, 200, pause, 7);
        came.waits.sort_unstable();
        assert_eq!(came.refused, 0);
        // bites: keeping to the share when nobody else calls.
        assert!(came.waits[197] < 300, "p99 is {} ms", came.waits[197]);
    }
}

#[test]
fn scarcity_is_forgotten() {
    let rates = Rates::new(50);
    learn(&rates, 0, 429, Some(0));
    assert!(take(&rates, 0) >= SECOND);
    // bites: a lone message that waits for a storm of an hour ago.
    assert_eq!(take(&rates, 3_600_000), 0);
    assert_eq!(take(&rates, 3_600_000), 0);
}
