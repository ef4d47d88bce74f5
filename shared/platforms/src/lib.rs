//! Each platform's wire format, pure: bytes to news, pending work to requests,
//! answers to outcomes, signatures.
//!
//! Nothing here does I/O, waits, reads a clock or draws randomness. A caller
//! passes bytes and moments in and sends what comes out.
//!
//! | module | subject |
//! |---|---|
//! | [`http`] | requests and answers as plain data, credentials, comparing secrets |
//! | [`moment`] | moments as platforms write them |
//! | [`signing`] | webhook signatures |
//! | [`limits`] | how a broken limit is told |
//! | [`markup`] | HTML to plain text and to WhatsApp's marks |
//! | [`convert`] | what each content becomes on each platform |
//! | [`gladly`] | Gladly: webhooks, Message Automation, the Gladly-compatible face |
//! | [`bot`] | what a bot is told, in each format |

pub mod bot;
pub mod convert;
pub mod gladly;
pub mod http;
mod json;
pub mod limits;
pub mod markup;
pub mod moment;
pub mod signing;
