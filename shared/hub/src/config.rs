//! Configuration: one document, `baton.toml`, becomes [`Settings`](crate::settings::Settings).
//!
//! | module | subject |
//! |---|---|
//! | `check` (feature `config`) | the text, with every mistake at once |
//! | `render` (feature `config`) | mistakes as a terminal shows them |
//! | `plan` | what applying settings will change, and what it writes |
//! | `rotation` | new credentials of a webhook, without a webhook refused |
//! | `edit` | changes of single connections in it |
//! | `document` | the form that is kept in the table, and the secrets beside it |
//!
//! Lambda functions never see TOML: `baton apply` checks it and stores what
//! [`to_document`] makes of it, they read that with [`from_document`]. So both ways lead
//! to the same settings, and only the operator's program links a TOML parser.
//!
//! # The keys
//!
//! Spans are `"300s"`, `"4m"`, `"24h"`, `"7d"` or whole seconds; a timer may be `"off"`.
//! Everything in a table called `secrets` is a secret: `{ from = "env:NAME" }`, or the
//! value itself in a file that git does not track.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `hub.public_url` | none | where platforms reach the hub; `https`, or `http` on this machine |
//! | `endpoint.id` | required | 1 to 64 letters, digits, `-`, `_`; part of the webhook's URL |
//! | `endpoint.platform` | required | `gladly` |
//! | `endpoint.secrets.username`, `.password` | none | Basic credentials that the webhook carries |
//! | `endpoint.secrets.headers` | none | static headers that it carries, by name |
//! | `endpoint.secrets.previous` | none | the same three, accepted as well |
//! | `connection.id` | required | as an endpoint's |
//! | `connection.endpoint` | required | the id of the endpoint its events come to |
//! | `connection.base_url` | required | the platform's API: `https://acme.gladly.com` |
//! | `connection.addresses` | all others | the entry points (Glad Apps) that are this connection's |
//! | `connection.default_inbox` | none | where a handoff without a target goes |
//! | `connection.desk` | `platform` | where agents work: `platform`, or `none` |
//! | `connection.text_on_bus` | `false` | whether bus events carry message text |
//! | `connection.repair_webhook` | `true` | whether a webhook that the platform switched off is switched on again |
//! | `connection.keep_messages` | `90d` | how long messages are kept, at least `8d` |
//! | `connection.secrets.agent_email`, `.api_token` | required | Gladly's API user and token |
//! | `connection.bot.url` | required | where the bot is told, `http` or `https` |
//! | `connection.bot.format` | `baton` | `baton` or `gladly` |
//! | `connection.bot.secrets.username`, `.password` | none | for format `gladly` |
//! | `connection.bot.secrets.signing_key`, `.signing_keys` | required | for format `baton`; several during a rotation |
//! | `connection.timers.preset` | the platform's | `gladly` or `ycloud`: what the timers below default to |
//! | `connection.timers.customer_silent` | `300s`, `600s` | the bot holds and the customer is silent: close |
//! | `connection.timers.bot_owes` | `60s` | the bot holds and owes an answer: `on_bot_silence` |
//! | `connection.timers.on_bot_silence` | `handoff`, without a desk `close` | what then |
//! | `connection.timers.platform_check` | `7d` | nothing heard of a foreign desk: ask the platform |
//! | `connection.timers.customer_waits` | `off` | hub's own desk: remind the customer once |
//! | `connection.timers.customer_silent_agent` | `24h` | hub's own desk: close, `1m` to `72h` |
//! | `connection.timers.agent_silent` | `off` | hub's own desk: back to the default inbox |
//! | `connection.timers.queue_limit` | none | hub's own desk: `{ after = "10m", then = "bot" }`, `then` is `bot`, `notify` or `inbox` with `inbox = "..."` |

mod document;
mod edit;
mod plan;
mod rotation;

#[cfg(feature = "config")]
mod address;
#[cfg(feature = "config")]
mod bot;
#[cfg(feature = "config")]
mod check;
#[cfg(feature = "config")]
mod connection;
#[cfg(feature = "config")]
mod endpoint;
#[cfg(feature = "config")]
mod mistake;
#[cfg(feature = "config")]
mod nearest;
#[cfg(feature = "config")]
mod render;
#[cfg(feature = "config")]
mod secret;
#[cfg(feature = "config")]
mod section;
#[cfg(feature = "config")]
mod span;
#[cfg(feature = "config")]
mod timers;

#[cfg(test)]
#[cfg(feature = "config")]
mod tests;

pub use document::{BadDocument, from_document, revision_of, to_document};
pub use edit::{EditError, Edited, connection_form, remove_connection, replace_connection};
pub use plan::{Field, How, Item, Plan, Written, plan};
pub use rotation::{FORMER_TAKEN_FOR, Rotation};

#[cfg(feature = "config")]
pub use check::{CheckContext, Checked, check};
#[cfg(feature = "config")]
pub use mistake::{Mistake, Severity};
#[cfg(feature = "config")]
pub use render::{render, render_file};
