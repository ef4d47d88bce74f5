//! Requests and answers as plain data, without an HTTP client.

mod credentials;
mod path;

pub use credentials::{Credentials, bearer, parse_basic, parse_token, same_secret};
pub use path::encode_segment;

use serde::Serialize;
use std::fmt;

/// The methods that platforms ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or does.
    Post,
    /// Replaces.
    Put,
    /// Changes in part.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// As HTTP spells it, in capitals.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request to be made.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// The method.
    pub method: Method,
    /// Path and query, beginning with `/`, to be appended to a base URL that ends
    /// without one; empty where the base is the whole URL.
    pub path: String,
    /// Names, in lower case, and values. Credentials are added by the caller,
    /// except where a format defines them.
    pub headers: Vec<(String, String)>,
    /// The body's bytes, exactly as signed.
    pub body: Option<Vec<u8>>,
}

impl fmt::Debug for HttpCall {
    /// Without values and body: they carry secrets, ids and what people wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("HttpCall")
            .field("method", &self.method)
            .field("headers", &names)
            .field("body_bytes", &self.body.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

impl HttpCall {
    /// A `GET` that accepts JSON.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            path: path.into(),
            headers: vec![("accept".to_owned(), "application/json".to_owned())],
            body: None,
        }
    }

    /// A request with a JSON body.
    #[must_use]
    pub fn json(method: Method, path: impl Into<String>, body: &impl Serialize) -> Self {
        Self {
            method,
            path: path.into(),
            headers: vec![
                ("accept".to_owned(), "application/json".to_owned()),
                ("content-type".to_owned(), "application/json".to_owned()),
            ],
            // Bodies here are maps with text keys, which always serialize.
            body: Some(serde_json::to_vec(body).unwrap_or_default()),
        }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn with_header(mut self, header: (String, String)) -> Self {
        self.headers.push(header);
        self
    }

    /// The value of the header of this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// An answer, reduced to what classifying it needs.
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    /// The status code.
    pub status: u16,
    /// The body; may be empty or anything.
    pub body: &'a [u8],
    /// The `Location` header.
    pub location: Option<&'a str>,
    /// The `Retry-After` header.
    pub retry_after: Option<&'a str>,
}

impl<'a> Reply<'a> {
    /// An answer without headers of interest.
    #[must_use]
    pub fn new(status: u16, body: &'a [u8]) -> Self {
        Self {
            status,
            body,
            location: None,
            retry_after: None,
        }
    }

    /// `Retry-After` in milliseconds, where it is given in seconds. The other form,
    /// a date, needs a clock and is left to the caller's own backoff.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<i64> {
        let seconds: u32 = self.retry_after?.trim().parse().ok()?;
        Some(i64::from(seconds) * 1_000)
    }
}
