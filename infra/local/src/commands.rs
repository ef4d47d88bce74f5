//! What the program `baton` can do.

mod check;
mod demo;
mod erase;
mod operator;
mod poison;
mod private;
mod screen;
mod serve;
mod simulate;
mod timeline;
mod token;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

pub use serve::{Running, ServeError, ServeOptions, serve};

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
        /// The data folder.
        #[arg(long, default_value = ".baton")]
        data: PathBuf,
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
    /// Shows webhooks that could not be used, and has them taken in after a fix.
    Poison {
        #[command(subcommand)]
        command: poison::PoisonCommand,
        /// The data folder of the running hub.
        #[arg(long, default_value = ".baton", global = true)]
        data: PathBuf,
    },
    /// Erases what a customer said, and who it was: shows what, asks, and does it.
    Erase(erase::EraseArguments),
    /// Makes tokens for the API.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Plays the whole hub on virtual time, with everything that can go wrong.
    Simulate(simulate::SimulateArguments),
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Makes a token and prints it, once.
    Create(token::CreateArguments),
}

/// Runs the program with the arguments it was called with.
pub async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        None => serve::run(arguments.serve.into()).await,
        Some(Command::Serve(options)) => serve::run(options.into()).await,
        Some(Command::Demo) => demo::run().await,
        Some(Command::Timeline { id, data }) => timeline::run(&id, &data).await,
        Some(Command::Poison { command, data }) => poison::run(command, &data).await,
        Some(Command::Erase(arguments)) => erase::run(arguments).await,
        Some(Command::Check { file, config }) => check::run(&config.unwrap_or(file)),
        Some(Command::Token {
            command: TokenCommand::Create(options),
        }) => token::run(options).await,
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
