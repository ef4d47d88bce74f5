//! The handlers of Baton's Lambda functions. Each binary is a thin `main` over one of
//! them; the local hub and the tests call the same code.
//!
//! | module | subject |
//! |---|---|
//! | [`http`] | requests and answers of API Gateway |
//! | [`webhooks`] | inbound webhooks |
//! | [`streams`] | the stream's consumers and the sweep |
//! | [`boot`] | start-up on Lambda |

pub mod boot;
pub mod http;
pub mod streams;
pub mod webhooks;
