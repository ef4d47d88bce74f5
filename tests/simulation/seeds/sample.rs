//! A sample of seeds keeps every promise, and a seed replays exactly.

use baton_local::simulate::{Fault, Telling};
use baton_simulation::Player;
use std::collections::BTreeSet;

/// How many seeds every run of the tests plays. They are always the same: a failure that
/// only a new seed shows is found by a long run.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=24;

#[test]
fn a_sample_of_seeds_keeps_every_promise() {
    let player = Player::new().expect("the template is read");
    let mut struck = BTreeSet::new();
    let mut messages = 0;
    for seed in SEEDS {
        let outcome = player
            .play(seed, Telling::default())
            .expect("it can be made");
        assert!(
            outcome.findings.is_empty(),
            "`baton simulate --seed {seed}` tells the story of {:#?}",
            outcome.findings
        );
        messages += outcome.messages;
        struck.extend(outcome.struck.into_keys());
    }
    // A sample in which little happens says little.
    assert!(messages > 200, "{messages} messages");
    assert!(struck.len() > Fault::ALL.len() / 2, "only {struck:?}");
}

#[test]
fn a_seed_replays_to_the_last_byte() {
    let player = Player::new().expect("the template is read");
    let telling = Telling {
        lines: true,
        digest: true,
    };
    let mut digests = BTreeSet::new();
    for seed in [3, 5, 8] {
        let (first, second) = (
            player.play(seed, telling).expect("it can be made"),
            player.play(seed, telling).expect("it can be made"),
        );
        for (one, other) in first.lines.iter().zip(&second.lines) {
            assert_eq!(one, other, "seed {seed}");
        }
        assert_eq!(first.digest, second.digest, "seed {seed}");
        digests.insert(first.digest);
    }
    assert_eq!(digests.len(), 3, "seeds differ");
}
