//! Safeguards are missed: with one taken away some seed breaks a promise, and that seed
//! and those before it break none with it in place.

use baton_domain::Mutation;
use baton_local::simulate::{Fault, Telling, Weather};
use baton_simulation::Player;

/// Gives the safeguard back, whatever happens.
pub(crate) struct Without;

impl Without {
    pub(crate) fn of(mutation: Mutation) -> Self {
        Mutation::switch(Some(mutation));
        Self
    }
}

impl Drop for Without {
    fn drop(&mut self) {
        Mutation::switch(None);
    }
}

/// Plays seeds from 1 on until one breaks a promise without this safeguard, at most so
/// many; that seed and the two before it break none with it. `weather` is that of the seed, or one in which
/// the safeguard is wanted more often.
fn bites(mutation: Mutation, weather: Option<&Weather>, within: u64) {
    let player = Player::new().expect("the template is read");
    let play = |seed| {
        let outcome = match weather {
            None => player.play(seed, Telling::default()),
            Some(weather) => player.play_in(weather.clone(), seed),
        };
        outcome.expect("it can be made").findings.into_iter().next()
    };
    let broken = (1..=within).find_map(|seed| {
        let _without = Without::of(mutation);
        Some((seed, play(seed)?))
    });
    let Some((seed, finding)) = broken else {
        panic!("{within} seeds did not miss {mutation:?}");
    };
    println!(
        "{mutation:?}: after {seed} seeds: {} ({}): {}",
        finding.promise, finding.about, finding.found
    );
    for seed in 1.max(seed.saturating_sub(2))..=seed {
        assert_eq!(play(seed), None, "seed {seed} with all safeguards");
    }
}

#[test]
fn the_condition_of_the_append_is_missed() {
    bites(Mutation::AppendCondition, None, 40);
}

#[test]
fn the_unique_id_of_a_command_is_missed() {
    // Answers of the database are lost often.
    let lossy = Weather::only(&[(Fault::StoreAnswerLost, 0.15)]);
    bites(Mutation::CommandId, Some(&lossy), 40);
}

#[test]
fn the_deduplication_is_missed() {
    bites(Mutation::Deduplication, None, 40);
}

#[test]
fn the_check_of_the_epoch_is_missed() {
    bites(Mutation::EpochCheck, None, 40);
}

#[test]
fn the_claim_on_outbound_work_is_missed() {
    bites(Mutation::Claim, None, 40);
}

#[test]
fn arming_in_the_commit_is_missed() {
    bites(Mutation::ArmingInCommit, None, 40);
}

#[test]
fn the_tombstone_is_missed() {
    // Webhooks come late often: after the erasure of what they tell.
    let late = Weather::only(&[(Fault::WebhookDelayed, 0.4), (Fault::WebhookRepeated, 0.2)]);
    bites(Mutation::Tombstone, Some(&late), 40);
}

#[test]
fn arming_again_is_missed() {
    bites(Mutation::LazyRearming, None, 40);
}
