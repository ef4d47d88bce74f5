//! Baton's use cases over the log store, the platforms' clients and the bus.
//!
//! | module | subject |
//! |---|---|
//! | [`clock`] | the one clock and source of randomness |
//! | [`settings`], [`source`], [`config`] | endpoints and connections, where they come from, `baton.toml` |
//! | [`store`] | the one place that knows DynamoDB |
//! | [`core`](mod@core) | running a command against a thread |
//! | [`api`] | what bots, desks and tools ask |
//! | [`inbound`], [`poison`] | webhooks in; what of them could not be used |
//! | [`erase`] | erasing a thread, and all that it left in the table |
//! | [`stream`], [`relay`], [`telling`] | from the stream: tells bots, delivers |
//! | [`publish`], [`facts`], [`bus`] | from the stream: the bus, rows, directory |
//! | [`registration`] | the hub's webhook at the platform |
//! | [`sweep`] | everything that is due |
//! | [`doctor`], [`checkup`] | what is wrong and what to do about it, and repairing it |
//! | [`deliver`], [`calls`] | outbound work off the queue, the HTTP client |
//! | [`metrics`] | counts of what happened, for those who run it |

pub mod api;
pub mod bus;
pub mod calls;
pub mod checkup;
pub mod clock;
pub mod config;
pub mod core;
pub mod deliver;
pub mod doctor;
pub mod erase;
pub mod facts;
pub mod id_key;
pub mod inbound;
pub mod metrics;
pub mod poison;
pub mod publish;
mod rates;
pub mod registration;
pub mod relay;
pub mod settings;
pub mod source;
pub mod store;
pub mod stream;
pub mod sweep;
pub mod telling;

pub use crate::core::Core;
pub use clock::{Clock, World};
