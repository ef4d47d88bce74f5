//! Each safeguard is missed: with it taken away some seed breaks a promise, and the same
//! seeds break none with it in place.

use super::{play, template};
use baton_domain::Mutation;
use baton_local::simulate::Telling;

/// Gives the safeguard back, whatever happens.
struct Without;

impl Without {
    fn of(mutation: Mutation) -> Self {
        Mutation::switch(Some(mutation));
        Self
    }
}

impl Drop for Without {
    fn drop(&mut self) {
        Mutation::switch(None);
    }
}

/// Plays seeds from `from` on until one breaks a promise without this safeguard, at most
/// so many; the same seed breaks none with it.
fn bites(mutation: Mutation, from: u64, within: u64) {
    let template = template();
    let broken = (from..from + within).find_map(|seed| {
        let _without = Without::of(mutation);
        let outcome = play(seed, &template, Telling::default());
        let first = outcome.findings.into_iter().next()?;
        Some((seed, first))
    });
    let Some((seed, finding)) = broken else {
        panic!("{within} seeds did not miss {mutation:?}");
    };
    println!(
        "{mutation:?}: after {} seeds: {} ({}): {}",
        seed - from + 1,
        finding.promise,
        finding.about,
        finding.found
    );
    let whole = play(seed, &template, Telling::default());
    assert!(whole.findings.is_empty(), "{:#?}", whole.findings);
}

#[test]
fn the_condition_of_the_append_is_missed() {
    bites(Mutation::AppendCondition, 1, 40);
}

#[test]
fn the_unique_id_of_a_command_is_missed() {
    bites(Mutation::CommandId, 1, 40);
}

#[test]
fn the_deduplication_is_missed() {
    bites(Mutation::Deduplication, 1, 40);
}

#[test]
fn the_check_of_the_epoch_is_missed() {
    bites(Mutation::EpochCheck, 1, 40);
}

#[test]
fn the_claim_on_outbound_work_is_missed() {
    bites(Mutation::Claim, 1, 40);
}

#[test]
fn arming_in_the_commit_is_missed() {
    bites(Mutation::ArmingInCommit, 1, 40);
}

#[test]
fn arming_again_is_missed() {
    bites(Mutation::LazyRearming, 1, 40);
}

#[test]
fn the_condition_of_the_checkpoint_is_missed() {
    bites(Mutation::CheckpointCondition, 1, 200);
}
