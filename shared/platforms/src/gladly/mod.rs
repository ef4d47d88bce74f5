//! Gladly: webhooks in, Message Automation out, and the Gladly-compatible face.
//!
//! Facts are from "Gladly API 1.0" (OpenAPI, 2025) unless a line says otherwise;
//! what that document leaves open is marked *assumed* and lives in one function.
//!
//! | module | subject |
//! |---|---|
//! | [`inbound`] | webhook bodies to news |
//! | [`auth`] | who may post webhooks |
//! | [`limits`] | Gladly's numbers, and checks against them |
//! | [`outbound`] | pending work to requests |
//! | [`answer`] | answers to outcomes |
//! | [`readback`] | what became of a send whose answer was lost |
//! | [`history`] | what webhooks told, or would have told |
//! | [`webhooks`] | the organization's webhooks: registered, compared, changed |
//! | [`face`] | Gladly's own API as the hub serves it to bots |

pub mod answer;
pub mod auth;
pub mod face;
pub mod history;
pub mod inbound;
pub mod limits;
pub mod outbound;
pub mod readback;
pub mod webhooks;

pub use answer::{Answer, Operation, classify};
pub use auth::{WebhookAuth, verify_any};
pub use inbound::{BadBody, OtherChannel, Webhook, What, parse};

/// The platform's word in configuration, fingerprints and native content.
pub const PLATFORM: &str = "gladly";
