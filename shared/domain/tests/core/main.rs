//! The pure core from outside: stories that read as conversations, and properties
//! that hold after every step of any conversation.
//!
//! | module | subject |
//! |---|---|
//! | `world` | one thread with its log, and what stands around it |
//! | `laws` | the guarantees, checked after every commit |
//! | `steps`, `property` | random commands in any order, under every kind of policy |
//! | `settling` | from any state, work ends and nothing is left waiting |
//! | `talk`, `handoff`, `outbox`, `timing`, `repeats`, `seats` | stories |

// Tests stop at the first thing that is not as it should be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod handoff;
mod laws;
mod outbox;
mod property;
mod repeats;
mod seats;
mod settling;
mod steps;
mod talk;
mod timing;
mod world;
