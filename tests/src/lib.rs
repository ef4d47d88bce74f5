//! What the tests of real binaries, and of deadlines at scale, stand on.
//!
//! | module | subject |
//! |---|---|
//! | [`alarms`] | the template's alarms, evaluated as CloudWatch does |
//! | [`aws`] | DynamoDB, EventBridge and Secrets Manager on a local port |
//! | [`built`] | the functions, built and started the way Lambda starts them |
//! | [`certificate`] | AWS behind TLS, with an authority of the tests' own |
//! | [`deadlines`] | the sweep on a virtual clock: ticks, sandboxes, throttling, lateness |
//! | [`dynamodb_local`] | Amazon's DynamoDB Local |
//! | [`emulator`] | `cargo lambda watch` and the functions attached to it |
//! | [`processes`] | a hub of real processes between a simulated platform and a sample bot |
//! | [`reference`](mod@reference) | the conversation by which cost is judged, metered |
//! | [`runtime_api`] | Lambda's Runtime API, for measuring |
//! | [`sandboxes`] | the functions as Lambda runs them: several processes each, one call at a time, killed at will |
//! | [`scene`] | a hub's table, settings, secrets and tokens, for known ids |
//! | [`strict_bot`] | a bot that believes one signing key |

pub mod alarms;
pub mod aws;
pub mod built;
pub mod certificate;
pub mod deadlines;
pub mod dynamodb_local;
pub mod emulator;
pub mod processes;
pub mod reference;
pub mod runtime_api;
pub mod sandboxes;
pub mod scene;
pub mod strict_bot;
