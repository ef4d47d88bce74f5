//! What the program `baton` can do.

mod apply;
mod check;
mod chosen;
mod connections;
mod dead_letters;
mod demo;
mod doctor;
mod erase;
mod operator;
mod poison;
mod private;
mod reach;
mod screen;
mod serve;
mod settings;
mod simulate;
mod timeline;
mod token;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

pub use serve::{Running, ServeError, ServeOptions, SettingsFrom, serve};

/// An open messaging-automation hub: who holds the conversation, bot, queue, agent,
/// another app or nobody.
#[derive(Debug, Parser)]
#[command(name = "baton", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArguments,
}

#[derive(Debug, clap::Args)]
struct ServeArguments {
    /// The port to listen on.
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The data folder; private, made if missing.
    #[arg(long, default_value = ".baton")]
    data: PathBuf,
    /// Keep everything in memory.
    #[arg(long)]
    in_memory: bool,
    /// The configuration; without one, a demonstration runs.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the whole hub on this machine (the default).
    Serve(ServeArguments),
    /// Plays a whole story against a hub of its own and prints what happened.
    Demo,
    /// Prints one conversation: holders, deadlines, deliveries, failures.
    Timeline {
        /// The conversation (`cnv_...`) or thread (`thr_...`).
        id: String,
        #[command(flatten)]
        place: reach::PlaceArguments,
    },
    /// Reports every mistake of a configuration at once.
    Check {
        /// The configuration; `--config` says the same.
        #[arg(value_name = "FILE", default_value = "baton.toml")]
        file: PathBuf,
        /// The configuration.
        #[arg(long, value_name = "FILE", hide = true, conflicts_with = "file")]
        config: Option<PathBuf>,
    },
    /// Looks for what is wrong, and says what to do about it.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: reach::PlaceArguments,
    },
    /// Shows webhooks that could not be used, and has them taken in after a fix.
    Poison {
        #[command(subcommand)]
        command: poison::PoisonCommand,
        #[command(flatten)]
        place: reach::PlaceArguments,
    },
    /// Puts a configuration into force: shows a plan, asks, writes.
    Apply(apply::ApplyArguments),
    /// Lists what is configured, and how the webhooks were seen last.
    Connections {
        #[command(flatten)]
        place: reach::PlaceArguments,
    },
    /// Shows calls that were given up, and does them once more.
    DeadLetters {
        #[command(subcommand)]
        command: Option<dead_letters::DeadLettersCommand>,
        #[command(flatten)]
        place: reach::PlaceArguments,
    },
    /// Erases what a customer said, and who it was: shows what, asks, and does it.
    Erase(erase::EraseArguments),
    /// Makes, lists and revokes tokens for the API.
    Token {
        #[command(subcommand)]
        command: token::TokenCommand,
        #[command(flatten)]
        place: reach::PlaceArguments,
    },
    /// Plays the whole hub on virtual time, with everything that can go wrong.
    Simulate(simulate::SimulateArguments),
}

/// Runs the program with the arguments it was called with.
pub async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        None => serve::run(arguments.serve.into()).await,
        Some(Command::Serve(options)) => serve::run(options.into()).await,
        Some(Command::Demo) => demo::run().await,
        Some(Command::Timeline { id, place }) => timeline::run(&id, &place).await,
        Some(Command::Poison { command, place }) => poison::run(command, &place).await,
        Some(Command::Doctor { json, place }) => doctor::run(&place, json).await,
        Some(Command::Apply(arguments)) => apply::run(arguments).await,
        Some(Command::Connections { place }) => connections::run(&place).await,
        Some(Command::DeadLetters { command, place }) => dead_letters::run(command, &place).await,
        Some(Command::Erase(arguments)) => erase::run(arguments).await,
        Some(Command::Check { file, config }) => check::run(&config.unwrap_or(file)),
        Some(Command::Token { command, place }) => token::run(command, &place).await,
        Some(Command::Simulate(arguments)) => simulate::simulate(arguments).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("baton: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Prints. Whoever reads only the beginning (`| head`) has closed the pipe by then,
/// which is no reason to fail.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Rows of a table, the first of them its head, in columns as wide as they must be.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut text = String::new();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells.map(|(cell, wide)| format!("{cell:<wide$}")).collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

impl From<ServeArguments> for ServeOptions {
    fn from(arguments: ServeArguments) -> Self {
        // A configuration by the usual name is used without being named.
        let usual = PathBuf::from("baton.toml");
        Self {
            host: arguments.host,
            port: arguments.port,
            data: (!arguments.in_memory).then_some(arguments.data),
            config: arguments.config.or_else(|| usual.exists().then_some(usual)),
            timers: crate::demo_settings::DemoTimers::default(),
        }
    }
}
