//! The handlers of Baton's Lambda functions. Each binary is a thin `main` over one of
//! them; the local hub and the tests call the same code.
//!
//! | module | subject |
//! |---|---|
//! | [`http`] | requests and answers of API Gateway |
//! | [`handlers`] | the entry point of each function behind HTTP |
//! | [`webhooks`] | inbound webhooks |
//! | [`api`], [`problem`] | the Baton API and its problem documents |
//! | [`gladly_face`] | the Gladly-compatible face |
//! | [`streams`] | the stream's consumers and the sweep |
//! | [`boot`] | start-up on Lambda |

pub mod api;
pub mod boot;
pub mod gladly_face;
pub mod handlers;
pub mod http;
pub mod problem;
pub mod streams;
pub mod webhooks;
