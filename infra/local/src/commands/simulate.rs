//! `baton simulate`: one seed as a story, or many as a table.

use super::say;
use crate::simulate::{Campaign, Outcome, Summary, Telling, run};
use crate::template::Template;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write as _;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct SimulateArguments {
    /// Plays this seed and tells its story.
    #[arg(long, conflicts_with_all = ["seeds", "from", "jobs"])]
    seed: Option<u64>,
    /// Plays so many seeds and prints a summary.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Threads; as many as there are processors if not given.
    #[arg(long)]
    jobs: Option<usize>,
}

/// Plays what is asked for; an error where the hub broke a promise.
pub(super) async fn simulate(arguments: SimulateArguments) -> Result<(), String> {
    // The runs bring runtimes of their own.
    tokio::task::spawn_blocking(move || match arguments.seed {
        Some(seed) => one(seed),
        None => many(&arguments),
    })
    .await
    .map_err(|error| error.to_string())?
}

fn template() -> Result<Arc<Template>, String> {
    Template::builtin()
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

fn one(seed: u64) -> Result<(), String> {
    let telling = Telling {
        lines: true,
        digest: true,
    };
    let outcome = run(seed, &template()?, telling).map_err(|error| error.to_string())?;
    say(&story(&outcome));
    if outcome.findings.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "seed {seed} broke {} promises",
            outcome.findings.len()
        ))
    }
}

fn story(outcome: &Outcome) -> String {
    let mut text = String::new();
    for line in &outcome.lines {
        let (seconds, millis) = (line.at.div_euclid(1_000), line.at.rem_euclid(1_000));
        let _ok = writeln!(
            text,
            "{seconds:>6}.{millis:03}  {:<18} {}",
            line.who, line.what
        );
    }
    let _ok = writeln!(
        text,
        "\nseed {}, digest {:016x}: {} simulated seconds, {} messages, {} calls in {} sandboxes",
        outcome.seed,
        outcome.digest,
        outcome.simulated / 1_000,
        outcome.messages,
        outcome.calls,
        outcome.sandboxes
    );
    for finding in &outcome.findings {
        let _ok = writeln!(
            text,
            "\nBROKEN: {}\n  about    {}\n  expected {}\n  found    {}",
            finding.promise, finding.about, finding.expected, finding.found
        );
    }
    if outcome.findings.is_empty() {
        text.push_str("every promise was kept\n");
    }
    text
}

fn many(arguments: &SimulateArguments) -> Result<(), String> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let campaign = Campaign {
        from: arguments.from,
        seeds: arguments.seeds,
        jobs: arguments.jobs.unwrap_or(processors),
    };
    let bar = ProgressBar::new(campaign.seeds);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left, {msg}")
    {
        bar.set_style(style);
    }
    let summary = campaign
        .run(&template()?, |summary| {
            bar.set_position(summary.seeds);
            bar.set_message(format!("{} failed", summary.failed.len()));
        })
        .map_err(|error| error.to_string())?;
    bar.finish_and_clear();
    say(&table(&summary));
    match summary.failed.keys().next() {
        None => Ok(()),
        Some(seed) => Err(format!(
            "{} of {} seeds failed; `baton simulate --seed {seed}` tells the story of the first",
            summary.failed.len(),
            summary.seeds
        )),
    }
}

fn table(summary: &Summary) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        let _ok = writeln!(text, "{name:<36} {value:>16}");
    };
    let days = summary.simulated / 86_400_000;
    let hours = summary.simulated / 3_600_000 % 24;
    let seconds = summary.took.as_secs_f64().max(0.001);
    row("seeds", summary.seeds.to_string());
    row("seeds a minute", format!("{:.0}", summary.seeds_a_minute()));
    row("took", format!("{seconds:.1} s"));
    row("simulated", format!("{days} d {hours} h"));
    row("simulated a second", {
        // Milliseconds of a long campaign are far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let rate = summary.simulated as f64 / 1_000.0 / seconds;
        format!("{rate:.0} s")
    });
    row("messages, in and out", summary.messages.to_string());
    row("calls of functions", summary.calls.to_string());
    row("sandboxes", summary.sandboxes.to_string());
    for (fault, times) in &summary.struck {
        row(fault.name(), times.to_string());
    }
    row("seeds that failed", summary.failed.len().to_string());
    for (seed, promise) in summary.failed.iter().take(50) {
        let _ok = writeln!(text, "  {seed:<12} {promise}");
    }
    text
}
