//! The real binaries, one process each, under cargo-lambda's emulator, against AWS's
//! protocols on local ports.
//!
//! | module | subject |
//! |---|---|
//! | `stage` | an emulator with functions, and what they speak to |
//! | `samples` | every sample of `events/` does what it is a sample of |
//! | `hostile` | what is no event, no JSON, too large; panics |
//! | `journey` | a customer, the hub, the bot, and back |
//! | `alarms` | every alarm of the template rings once |
//! | `past` | what happened some time ago |
//! | `packaging` | what cargo-lambda would take for a function |
//! | `rights` | what each function asks of AWS, and its policy |
//! | `stacks` | two stacks in one account, the dashboard |
//!
//! Where cargo-lambda is not installed, the tests that need it say that they are
//! skipped; `tests/run` installs it.

mod alarms;
mod hostile;
mod journey;
mod packaging;
mod past;
mod rights;
mod samples;
mod stacks;
mod stage;
