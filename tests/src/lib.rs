//! What the tests of real binaries stand on.
//!
//! | module | subject |
//! |---|---|
//! | [`aws`] | DynamoDB, EventBridge and Secrets Manager on a local port |
//! | [`built`] | the functions, built and started the way Lambda starts them |
//! | [`certificate`] | AWS behind TLS, with an authority of the tests' own |
//! | [`emulator`] | `cargo lambda watch` and the functions attached to it |
//! | [`runtime_api`] | Lambda's Runtime API, for measuring |
//! | [`scene`] | a hub's table, settings, secrets and tokens, for known ids |

pub mod aws;
pub mod built;
pub mod certificate;
pub mod emulator;
pub mod runtime_api;
pub mod scene;
