//! The whole hub on one machine, and the operator's commands.
//!
//! - `template` is what `infra/template.yaml` says;
//! - `engine` is DynamoDB in this process, `streams` reads its stream for the
//!   functions;
//! - `bus` and `schedule` are EventBridge, `gateway` is API Gateway;
//! - `invoke` is how all of them reach a function;
//! - `dead_letters` are the calls that were given up;
//! - `functions` are the handlers in this process, `hub` puts everything together,
//!   `demo_settings` are those of a hub without a configuration;
//! - `place` is where a hub is: here, in a data folder, or a stack on AWS;
//! - `simulate` plays the whole hub on virtual time, with faults;
//! - `commands` are what the program `baton` can do;
//! - `bins` keep what a bot or hook without a home would have received.

pub mod bins;
pub mod bus;
pub mod commands;
pub mod dead_letters;
pub mod demo_settings;
pub mod engine;
pub mod functions;
pub mod gateway;
pub mod hub;
mod identifier;
pub mod invoke;
pub mod place;
pub mod schedule;
pub mod simulate;
pub mod streams;
pub mod template;
mod tls;

/// The region that local events and requests name.
pub const REGION: &str = "eu-central-1";

/// The account that local events and ARNs name.
pub const ACCOUNT: &str = "000000000000";
