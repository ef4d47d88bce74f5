//! New credentials of a webhook, put into force without a webhook refused.
//!
//! A function goes by settings that may be a minute old, and asks for no newer ones when
//! a webhook's credentials are wrong: a forged one must cost nothing. So the platform gets
//! new credentials only when every function takes them, and the former ones are taken for
//! a while after that:
//!
//! 1. settings by which both are taken, the former ones first ([`Rotation::first`]);
//! 2. once all functions follow them, the platform is told;
//! 3. settings with the new ones first, the former ones with an end ([`Rotation::last`]).
//!
//! Whoever is interrupted goes on where it was: what stands says how far it came.

use crate::settings::{Endpoint, Settings, WebhookCredentials};
use baton_domain::Timestamp;
use baton_domain::time::HOUR;
use std::collections::BTreeSet;

/// How long former credentials are taken after the platform has the new ones: a retry may
/// carry those of its event's first attempt. Gladly's last comes 95.5 min after it (source:
/// Gladly API 1.0, Webhooks, policy of 2023-06-28).
pub const FORMER_TAKEN_FOR: i64 = 2 * HOUR;

/// Settings to put into force, in one step or two.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The endpoints whose webhooks are to carry other credentials.
    pub endpoints: BTreeSet<String>,
    standing: Settings,
    wanted: Settings,
    former_end: bool,
}

impl Rotation {
    /// What leads from the settings that stand to those that are wanted. `former_end`:
    /// former credentials end with the last step, not two hours after it.
    #[must_use]
    pub fn new(standing: Option<&Settings>, wanted: &Settings, former_end: bool) -> Self {
        let standing = standing.cloned().unwrap_or_default();
        let others = standing.endpoints.values().filter(|before| {
            let after = wanted.endpoints.get(&before.id);
            let sets = after.and_then(|after| after.accepts.first().zip(before.accepts.first()));
            sets.is_some_and(|(after, before)| !after.demands_as(before))
        });
        Self {
            endpoints: others.map(|endpoint| endpoint.id.clone()).collect(),
            standing,
            wanted: wanted.clone(),
            former_end,
        }
    }

    /// Whether what stands takes all that is wanted already: the first step was made.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.endpoints.iter().all(|id| {
            let before = self.standing.endpoints.get(id);
            let after = self.wanted.endpoints.get(id);
            before.zip(after).is_some_and(|(before, after)| {
                after.accepts.iter().all(|set| has(&before.accepts, set))
            })
        })
    }

    /// The settings by which former and new credentials are taken. The former ones stay
    /// first: they are what the platform has.
    #[must_use]
    pub fn first(&self, now: Timestamp) -> Settings {
        self.settings(now, &BTreeSet::new())
    }

    /// The settings with the new credentials first, where the platform has them: all but
    /// the endpoints `untold`.
    #[must_use]
    pub fn last(&self, now: Timestamp, untold: &BTreeSet<String>) -> Settings {
        let told = self.endpoints.difference(untold).cloned().collect();
        self.settings(now, &told)
    }

    fn settings(&self, now: Timestamp, told: &BTreeSet<String>) -> Settings {
        let mut settings = self.wanted.clone();
        for endpoint in settings.endpoints.values_mut() {
            let Some(before) = self.standing.endpoints.get(&endpoint.id) else {
                continue;
            };
            if self.endpoints.contains(&endpoint.id) && !told.contains(&endpoint.id) {
                learn(endpoint, before, now);
            } else if !self.former_end {
                let end = now.plus(FORMER_TAKEN_FOR);
                keep(endpoint, before, now, Some(end));
            }
        }
        settings
    }
}

/// Puts the set that the platform has first, and keeps all others.
fn learn(endpoint: &mut Endpoint, before: &Endpoint, now: Timestamp) {
    let Some(present) = before.accepts.first() else {
        return;
    };
    endpoint.accepts.retain(|set| !set.demands_as(present));
    endpoint.accepts.insert(0, present.clone());
    keep(endpoint, before, now, None);
}

/// Adds the sets that were taken before and are not any more, with an end. One that has
/// an end keeps it.
fn keep(endpoint: &mut Endpoint, before: &Endpoint, now: Timestamp, end: Option<Timestamp>) {
    for set in before.accepted(now) {
        if !has(&endpoint.accepts, set) {
            endpoint.accepts.push(WebhookCredentials {
                until: set.until.or(end),
                ..set.clone()
            });
        }
    }
}

fn has(sets: &[WebhookCredentials], set: &WebhookCredentials) -> bool {
    sets.iter().any(|other| other.demands_as(set))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Platform, SecretText};

    const NOW: Timestamp = Timestamp(1_795_162_530_250);

    fn set(password: &str) -> WebhookCredentials {
        WebhookCredentials {
            basic: Some(("gladly".to_owned(), SecretText::new(password))),
            ..WebhookCredentials::default()
        }
    }

    fn settings(passwords: &[&str]) -> Settings {
        let endpoint = Endpoint {
            id: "main".to_owned(),
            platform: Platform::Gladly,
            accepts: passwords.iter().map(|password| set(password)).collect(),
        };
        Settings {
            endpoints: [(endpoint.id.clone(), endpoint)].into(),
            ..Settings::default()
        }
    }

    /// Passwords in their order, and minutes until they end.
    fn taken(settings: &Settings) -> Vec<(&str, Option<i64>)> {
        let sets = settings.endpoints["main"].accepts.iter();
        sets.map(|set| {
            let password = set.basic.as_ref().unwrap().1.reveal();
            (password, set.until.map(|until| until.since(NOW) / 60_000))
        })
        .collect()
    }

    #[test]
    fn both_are_taken_until_the_platform_has_the_new_ones_and_two_hours_longer() {
        let (old, new) = (settings(&["test-old"]), settings(&["test-new"]));
        let begun = Rotation::new(Some(&old), &new, false);
        assert_eq!(begun.endpoints, ["main".to_owned()].into());
        assert!(!begun.is_known());
        let first = begun.first(NOW);
        // bites: the new ones first, which the platform does not have yet.
        assert_eq!(taken(&first), [("test-old", None), ("test-new", None)]);

        // Interrupted, and begun again by what stands.
        let again = Rotation::new(Some(&first), &new, false);
        assert!(again.is_known() && again.endpoints.len() == 1);
        assert_eq!(taken(&again.first(NOW)), taken(&first));
        let untold = ["main".to_owned()].into();
        assert_eq!(taken(&again.last(NOW, &untold)), taken(&first));
        let last = again.last(NOW, &BTreeSet::new());
        // bites: an end to the former ones at once, while retries carry them.
        assert_eq!(taken(&last), [("test-new", None), ("test-old", Some(120))]);

        // The file says nothing of the former ones. Nothing changes until they end.
        let later = Rotation::new(Some(&last), &new, false);
        assert!(later.endpoints.is_empty());
        let hour = NOW.plus(HOUR);
        assert_eq!(taken(&later.last(hour, &BTreeSet::new())), taken(&last));
        assert_eq!(last.endpoints["main"].accepted(hour).count(), 2);
        let end = NOW.plus(FORMER_TAKEN_FOR);
        assert_eq!(last.endpoints["main"].accepted(end).count(), 1);
        let ended = later.last(end, &BTreeSet::new());
        assert_eq!(taken(&ended), [("test-new", None)]);
    }

    #[test]
    fn former_ones_that_the_file_names_have_no_end_and_those_it_drops_have_one() {
        let old = settings(&["test-old"]);
        let both = settings(&["test-new", "test-old"]);
        let rotation = Rotation::new(Some(&old), &both, false);
        let last = rotation.last(NOW, &BTreeSet::new());
        assert_eq!(taken(&last), [("test-new", None), ("test-old", None)]);
        let new = settings(&["test-new"]);
        let dropped = Rotation::new(Some(&last), &new, false).last(NOW, &BTreeSet::new());
        assert_eq!(
            taken(&dropped),
            [("test-new", None), ("test-old", Some(120))]
        );
        // Somebody else knows the former ones: they end as soon as they may.
        let known = Rotation::new(Some(&old), &new, true);
        assert_eq!(taken(&known.first(NOW)).len(), 2);
        assert_eq!(
            taken(&known.last(NOW, &BTreeSet::new())),
            [("test-new", None)]
        );
        let dropped = Rotation::new(Some(&last), &new, true).last(NOW, &BTreeSet::new());
        assert_eq!(taken(&dropped), [("test-new", None)]);
    }

    #[test]
    fn back_and_forth_never_drops_what_the_platform_may_have() {
        let (old, new) = (settings(&["test-old"]), settings(&["test-new"]));
        let between = Rotation::new(Some(&old), &new, false).first(NOW);
        // Wanted back before anybody knows whether the platform was told.
        let back = Rotation::new(Some(&between), &old, false);
        assert!(back.endpoints.is_empty());
        let last = back.last(NOW, &BTreeSet::new());
        assert_eq!(taken(&last), [("test-old", None), ("test-new", Some(120))]);
        // A third one, while the second is still being learned.
        let third = settings(&["test-third"]);
        let rotation = Rotation::new(Some(&between), &third, false);
        assert!(!rotation.is_known());
        let first = rotation.first(NOW);
        assert_eq!(
            taken(&first),
            [("test-old", None), ("test-third", None), ("test-new", None)]
        );
    }

    #[test]
    fn new_endpoints_and_those_that_stay_as_they_are_need_no_steps() {
        let old = settings(&["test-old"]);
        for standing in [None, Some(&old)] {
            let rotation = Rotation::new(standing, &old, false);
            assert!(rotation.endpoints.is_empty() && rotation.is_known());
            assert_eq!(taken(&rotation.first(NOW)), [("test-old", None)]);
        }
    }
}
