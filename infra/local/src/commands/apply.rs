//! `baton apply`: from a checked file to a hub that follows it.

mod rotate;
mod shown;
mod start;

#[cfg(test)]
mod rotation_tests;

use super::check;
use super::reach::{Kind, PlaceArguments, Reached};
use super::settings::{Replacement, Standing};
use baton_hub::Clock;
use baton_hub::config::{Item, Plan, Rotation, from_document, plan, revision_of};
use baton_hub::settings::Settings;
use baton_hub::store::settings::SettingsChange;
use rotate::Rotated;
use shown::shown;
use start::start;
use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

/// What is applied, and how.
#[derive(Debug, clap::Args)]
pub(super) struct ApplyArguments {
    /// The configuration; `--config` says the same.
    #[arg(value_name = "FILE", default_value = "baton.toml")]
    file: PathBuf,
    /// The configuration.
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "file")]
    config: Option<PathBuf>,
    #[command(flatten)]
    orders: Orders,
    #[command(flatten)]
    place: PlaceArguments,
}

/// How it is applied.
#[derive(Clone, Debug, Default, clap::Args)]
struct Orders {
    /// Shows the plan and stops.
    #[arg(long)]
    dry_run: bool,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
    /// Who applies it, for the history; without it, the user of this machine.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Does not wait until all functions know new credentials of a webhook, but says what
    /// is to be done then.
    #[arg(long)]
    no_wait: bool,
    /// Ends former credentials of a webhook as soon as the platform has the new ones, not
    /// two hours later: for those that somebody else knows.
    #[arg(long)]
    end_former: bool,
}

/// The command.
pub(super) async fn run(arguments: ApplyArguments) -> Result<(), String> {
    let file = arguments.config.clone().unwrap_or(arguments.file.clone());
    let wanted = check::accepted(&file)?;
    let hub = arguments.place.reach(true).await?;
    let started = Applying {
        hub: &hub,
        orders: &arguments.orders,
        clock: &Clock::real(),
    };
    match started.apply(&wanted).await? {
        0 => Ok(()),
        1 => Err("the settings are in force, and 1 thing above needs a look".to_owned()),
        more => Err(format!(
            "the settings are in force, and {more} things above need a look"
        )),
    }
}

/// One configuration on its way into force.
struct Applying<'a> {
    hub: &'a Reached,
    orders: &'a Orders,
    clock: &'a Clock,
}

impl Applying<'_> {
    /// Puts it into force; how many things need a look.
    async fn apply(&self, wanted: &Settings) -> Result<usize, String> {
        let standing = self.standing().await?;
        let rotation = self.rotation(&standing, wanted);
        let goal = rotation.last(self.clock.now(), &BTreeSet::new());
        let plan = self.planned(&standing, &goal)?;
        super::say(&shown(&plan, &self.hub.title));
        super::say(&rotate::announced(&rotation, &goal));
        if self.orders.dry_run {
            if !plan.is_empty() {
                super::say("Nothing was written (--dry-run).\n");
            }
            return Ok(0);
        }
        if !plan.is_empty() && !self.orders.yes && !confirmed(&self.hub.title)? {
            super::say("Nothing was written.\n");
            return Ok(0);
        }
        if !rotation.endpoints.is_empty() {
            return match self.rotate(standing, &rotation, &plan).await? {
                Rotated::Done(wrong) => Ok(wrong),
                Rotated::Later => Ok(0),
            };
        }
        if self.write(&standing, &plan).await?.is_some() {
            super::say(&followed(self.hub, &standing));
        }
        let started = start(self.hub, &goal, &plan, &rotation.endpoints, self.clock).await?;
        Ok(started.wrong)
    }

    async fn standing(&self) -> Result<Standing, String> {
        self.hub.json("GET", "/settings", None).await
    }

    fn rotation(&self, standing: &Standing, wanted: &Settings) -> Rotation {
        // What cannot be read is in nobody's force: `plan` says so, or writes it anew.
        let document = standing.document.as_deref();
        let stands = document.and_then(|document| from_document(document, &standing.secrets).ok());
        Rotation::new(stands.as_ref(), wanted, self.orders.end_former)
    }

    fn planned(&self, standing: &Standing, wanted: &Settings) -> Result<Plan, String> {
        let now = self.clock.now();
        let version = Plan::fresh_version(now, &self.clock.token(5));
        let document = standing.document.as_deref();
        plan(document, &standing.secrets, wanted, &version, now)
            .map_err(|error| format!("{}: {error}", self.hub.title))
    }

    /// Writes what the plan says, if anything. Whether the hub goes by it already.
    async fn write(&self, standing: &Standing, plan: &Plan) -> Result<Option<bool>, String> {
        let Some(written) = &plan.written else {
            return Ok(None);
        };
        let by = self.orders.by.clone();
        let replacement = Replacement {
            was: standing.document.clone(),
            secrets_held: standing.secrets_held.clone(),
            secrets: written.secrets.clone(),
            document: written.document.clone(),
            change: SettingsChange {
                at: self.clock.now(),
                by: by.unwrap_or_else(user),
                through: "apply".to_owned(),
                revision: revision_of(&written.document),
                items: plan.items.iter().map(Item::note).collect(),
            },
        };
        let body = serde_json::to_string(&replacement).map_err(|error| error.to_string())?;
        let (status, words) = self.hub.ask("PUT", "/settings", Some(body)).await?;
        match status {
            // A stack's functions read it each for themselves.
            200..=299 => Ok(Some(self.hub.kind != Kind::Stack && status != ACCEPTED)),
            _ if words.is_empty() => Err(format!("{} answered {status}", self.hub.title)),
            _ => Err(words),
        }
    }
}

/// The status of what was written, and could not be read by the hub yet.
const ACCEPTED: u16 = 202;

fn followed(hub: &Reached, standing: &Standing) -> String {
    match hub.kind {
        Kind::Running if standing.given => "Applied; the running hub follows within a minute. It was started with a configuration file: at its next start that file counts again, or, without one, what was applied.\n".to_owned(),
        Kind::Running => "Applied; the running hub follows within a minute.\n".to_owned(),
        Kind::Folder => "Applied; the next `baton serve` without a configuration file runs with it.\n".to_owned(),
        Kind::Stack => "Applied; the functions follow within a minute.\n".to_owned(),
    }
}

fn user() -> String {
    let named = |name| {
        std::env::var(name)
            .ok()
            .filter(|user: &String| !user.is_empty())
    };
    named("USER")
        .or_else(|| named("LOGNAME"))
        .unwrap_or_else(|| "operator".to_owned())
}

/// Asks; a program that nobody can answer is not asked.
fn confirmed(title: &str) -> Result<bool, String> {
    if !std::io::stdin().is_terminal() {
        return Err(
            "nobody can be asked here: add --yes to apply, or --dry-run to look".to_owned(),
        );
    }
    super::say(&format!("Apply this to {title}? [y/N] "));
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| error.to_string())?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
