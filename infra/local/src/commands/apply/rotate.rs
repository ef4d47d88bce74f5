//! New credentials of a webhook: first the hub takes both, then the platform gets them,
//! then the former ones have an end. See [`Rotation`].

use super::start::start;
use super::{Applying, followed};
use crate::commands::reach::Kind;
use crate::commands::say;
use crate::commands::settings::Standing;
use baton_domain::Timestamp;
use baton_domain::time::SECOND;
use baton_hub::config::{Plan, Rotation};
use baton_hub::facts::iso;
use baton_hub::settings::Settings;
use baton_hub::source::FOLLOWED_AFTER;
use baton_hub::store::settings::SettingsChange;

/// How often one who waits is told how long.
const TOLD_EVERY: i64 = 10 * SECOND;

/// How far it came.
pub(super) enum Rotated {
    /// The platform was told; so many things need a look.
    Done(usize),
    /// The hub takes both, and the platform goes on with the former ones until the next
    /// apply.
    Later,
}

/// What will be done about new credentials, for whoever looks at the plan.
pub(super) fn announced(rotation: &Rotation, goal: &Settings) -> String {
    let mut text = String::new();
    for id in &rotation.endpoints {
        let sets = goal.endpoints.get(id).map(|endpoint| &endpoint.accepts);
        let ends = sets.into_iter().flatten().any(|set| set.until.is_some());
        text += &format!(
            "  {id}: new credentials of its webhook. The hub takes both, then the platform gets the new ones{}\n",
            match ends {
                true => ", and two hours later the former ones end",
                false => "",
            }
        );
    }
    text
}

impl Applying<'_> {
    /// Carries a rotation out, or as far as it goes. `plan` leads to its end.
    pub(super) async fn rotate(
        &self,
        standing: Standing,
        rotation: &Rotation,
        plan: &Plan,
    ) -> Result<Rotated, String> {
        let both = self.planned(&standing, &rotation.first(self.clock.now()))?;
        let all_know_at = match self.write(&standing, &both).await? {
            Some(true) => self.clock.now(),
            Some(false) => self.clock.now().plus(FOLLOWED_AFTER),
            None => self.known_at(rotation).await?,
        };
        if !both.is_empty() {
            say(&followed(self.hub, &standing));
        }
        if self.hub.kind == Kind::Folder {
            say(
                "The hub will take both the former and the new credentials. No hub runs here now: apply again when one does, and the platform gets the new ones.\n",
            );
            return Ok(Rotated::Later);
        }
        if all_know_at > self.clock.now() && self.orders.no_wait {
            say(&format!(
                "The platform goes on with the former credentials. Apply again after {}: then every function knows the new ones, and the platform gets them.\n",
                iso(all_know_at)
            ));
            return Ok(Rotated::Later);
        }
        self.wait(all_know_at).await;

        let settled = self.standing().await?;
        let stood = both.written.map(|written| written.document);
        if settled.document != stood.or(standing.document) {
            return Err("somebody else has changed the settings meanwhile. The hub takes both the former and the new credentials, and the platform goes on with the former ones: apply again".to_owned());
        }
        let goal = rotation.last(self.clock.now(), &Default::default());
        let started = start(self.hub, &goal, plan, &rotation.endpoints, self.clock).await?;
        let last = rotation.last(self.clock.now(), &started.untold);
        let last = self.planned(&settled, &last)?;
        self.write(&settled, &last).await?;
        for id in rotation.endpoints.intersection(&started.untold) {
            say(&format!(
                "{id}: the hub takes both the former and the new credentials until the platform has the new ones: apply again\n"
            ));
        }
        Ok(Rotated::Done(started.wrong))
    }

    /// When every function knows what stands: so long after its endpoints were changed
    /// last.
    async fn known_at(&self, rotation: &Rotation) -> Result<Timestamp, String> {
        if self.hub.kind != Kind::Stack {
            return Ok(self.clock.now());
        }
        let changes: Vec<SettingsChange> = self.hub.json("GET", "/settings/changes", None).await?;
        let of_endpoint = |change: &&SettingsChange| {
            let mut items = change.items.iter();
            items.any(|item| item.kind == "endpoint" && rotation.endpoints.contains(&item.id))
        };
        let now = self.clock.now();
        let last = changes.iter().find(of_endpoint).map(|change| change.at);
        // By the clock of whoever made it: one that is ahead is not waited for.
        Ok(last.unwrap_or(now).min(now).plus(FOLLOWED_AFTER))
    }

    async fn wait(&self, until: Timestamp) {
        let left = |now: Timestamp| until.since(now).max(0).div_euclid(SECOND) + 1;
        let mut told = self.clock.now();
        if told >= until {
            return;
        }
        say(&format!(
            "A function may go by the former settings for a minute: the platform gets the new credentials in {} s, when all take them (--no-wait does not wait)\n",
            left(told)
        ));
        loop {
            let now = self.clock.now();
            if now >= until {
                return;
            }
            if now.since(told) >= TOLD_EVERY {
                told = now;
                say(&format!("  {} s\n", left(now)));
            }
            self.clock.sleep_until(until.min(now.plus(SECOND))).await;
        }
    }
}
