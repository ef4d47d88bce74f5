//! The deterministic simulation of the whole hub: its own functions over the embedded
//! database, in many sandboxes, with a simulated Gladly, a bot and customers, on a clock
//! that stands still while anybody works and jumps to the next moment otherwise.
//!
//! A run is one seed: what customers write, what goes wrong and when, which process is
//! taken and how far its clock is off all come from it, so that it replays exactly. At
//! the end all faults are healed, the hub catches up, and an oracle compares what the
//! outside believes with what the hub promises.
//!
//! - `weather` says what goes wrong, `stage` is the time and the dice, `story` what
//!   happened;
//! - `sandbox` is a process, `wire` and `outside` are its ways out, `fleet` all of them;
//! - `due` spares questions that nothing could answer otherwise;
//! - `gateway`, `shards` and `ticks` call the functions;
//! - `customers`, `bot`, `calls` and `eraser` are the parties;
//! - `run` plays a seed, `oracle` judges it, `campaign` plays many.

mod bot;
mod calls;
mod campaign;
mod customers;
mod due;
mod eraser;
mod fleet;
mod gateway;
mod oracle;
mod outside;
mod run;
mod sandbox;
mod shards;
mod stage;
mod story;
mod ticks;
mod weather;
mod wire;

pub use campaign::{Campaign, Summary};
pub use oracle::Finding;
pub use run::{Outcome, RunError, run, run_in};
pub use story::{Line, Telling};
pub use weather::{Fault, Weather};
