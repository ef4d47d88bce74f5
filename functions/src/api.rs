//! The Baton API, `/v1/...`: one function per route; each authenticates, reads the
//! request, calls the use case and answers.
//!
//! What is checked, in this order, on every route: the token (401), its role (403), the
//! request itself (400, 413), whether the thing exists and the token may touch it (404),
//! and only then the state of things (409, 422, 429). So nobody learns of an id's
//! existence by a call they may not make.
//!
//! | module | subject |
//! |---|---|
//! | [`call`] | token, role, body, headers and query of a request |
//! | [`content`] | what messages say, as the API spells it |
//! | [`objects`] | what answers consist of |
//! | [`messages`] | send, typing, list |
//! | [`control`] | handoff, close, control |
//! | [`conversations`] | one conversation, lists, the event feed |
//! | [`connections`] | connections, health |
//! | [`configuring`] | how connections are led, changed by admins |
//! | [`openapi`] | the description of all of this |

pub mod call;
pub mod configuring;
pub mod connections;
pub mod content;
pub mod control;
pub mod conversations;
pub mod messages;
pub mod objects;
pub mod openapi;

use crate::http::HttpResponse;
use crate::problem::Problem;

/// What a route's function gives.
pub type Answer = Result<HttpResponse, Problem>;
