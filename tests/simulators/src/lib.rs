//! Simulated platforms and a sample bot for tests, demonstrations and load runs.
//!
//! Nothing here knows the hub: a simulator speaks only its platform's own
//! protocol, so that what it records can be trusted as the oracle of a test.
//!
//! - [`clock`]: time that is real or set by a test;
//! - [`random`]: the seeded source of ids and faults, so that a run replays;
//! - [`serving`]: a router on a local port, gone when its handle is dropped;
//! - [`gladly`]: a simulated Gladly, its REST API, webhooks, customers and agents;
//! - [`bot`]: a small bot in Gladly's style, the receiver at the other end.

pub mod bot;
mod broken;
pub mod clock;
pub mod gladly;
pub mod random;
pub mod serving;
