//! Webhook signatures: the one place that computes them.
//!
//! Standard Webhooks 1.0: headers `webhook-id`, `webhook-timestamp` (Unix seconds) and
//! `webhook-signature`, which is `v1,` and the base64 HMAC-SHA256 of
//! `{id}.{timestamp}.{body}`, once per key, separated by spaces. Keys are written as
//! `whsec_` and the base64 of 24 to 64 bytes.
//!
//! The `standardwebhooks` crate would bring a second base64, a second HMAC and a clock
//! into every function, so it only serves the tests as the independent receiver.

use crate::http::same_secret;
use baton_domain::Timestamp;
use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// Seconds that a signed timestamp may be away from the receiver's clock: what the
/// Standard Webhooks libraries allow.
pub const TOLERANCE_S: i64 = 300;

/// A key that webhooks are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// Why a text is no signing key. Tells nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not `whsec_` and base64.
    #[error("a signing key is `whsec_` followed by base64")]
    Spelling,
    /// Another length.
    #[error("a signing key has 24 to 64 bytes, this one has {0}")]
    Length(usize),
}

impl SigningKey {
    /// Reads a key; the prefix may be missing, as other libraries allow.
    ///
    /// # Errors
    /// When it is not base64, or not of 24 to 64 bytes.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let text = text.trim();
        let encoded = text.strip_prefix("whsec_").unwrap_or(text).as_bytes();
        let bytes = BASE64
            .decode(encoded)
            .or_else(|_| BASE64_NOPAD.decode(encoded))
            .map_err(|_| BadKey::Spelling)?;
        match bytes.len() {
            24..=64 => Ok(Self(bytes)),
            length => Err(BadKey::Length(length)),
        }
    }

    /// `v1,` and the signature of this delivery.
    fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let head = format!("{id}.{seconds}.");
        format!(
            "v1,{}",
            BASE64.encode(&hmac_sha256(&self.0, &[head.as_bytes(), body]))
        )
    }
}

/// HMAC-SHA256 over the parts, one after the other.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of any length, so this cannot fail; an empty signature would
    // match nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// The Standard Webhooks headers of a delivery; without keys, all but the signature.
#[must_use]
pub fn webhook_headers(
    id: &str,
    now: Timestamp,
    body: &[u8],
    keys: &[SigningKey],
) -> Vec<(String, String)> {
    let seconds = now.0.div_euclid(1_000);
    let mut headers = vec![
        ("webhook-id".to_owned(), id.to_owned()),
        ("webhook-timestamp".to_owned(), seconds.to_string()),
    ];
    if !keys.is_empty() {
        let signatures: Vec<String> = keys.iter().map(|key| key.sign(id, seconds, body)).collect();
        headers.push(("webhook-signature".to_owned(), signatures.join(" ")));
    }
    headers
}

/// Whether a delivery is signed with any of the keys and not older or newer than
/// [`TOLERANCE_S`]: for receivers written in Rust, and for the sample bot.
#[must_use]
pub fn verify_webhook<'h>(
    get_header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    keys: &[SigningKey],
    now: Timestamp,
) -> bool {
    let header = |name: &str| get_header(name).unwrap_or_default();
    let id = header("webhook-id");
    let Ok(seconds) = header("webhook-timestamp").parse::<i64>() else {
        return false;
    };
    if now.0.div_euclid(1_000).abs_diff(seconds) > TOLERANCE_S.unsigned_abs() {
        return false;
    }
    let given = header("webhook-signature");
    keys.iter().fold(false, |good, key| {
        let expected = key.sign(id, seconds, body);
        given.split(' ').fold(good, |good, one| {
            good | same_secret(one.as_bytes(), expected.as_bytes())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "whsec_dGVzdC1zZWNyZXQtdGVzdC1zZWNyZXQtMDE=";
    const OTHER: &str = "whsec_dGVzdC1zZWNyZXQtdGVzdC1zZWNyZXQtMDI=";
    const NOW: Timestamp = Timestamp(1_735_787_045_060);

    fn keys(texts: &[&str]) -> Vec<SigningKey> {
        texts
            .iter()
            .map(|text| SigningKey::parse(text).unwrap())
            .collect()
    }

    fn verify(headers: &[(String, String)], body: &[u8], key: &str, now: Timestamp) -> bool {
        let get = |name: &str| {
            headers
                .iter()
                .find(|(given, _)| given == name)
                .map(|(_, value)| value.as_str())
        };
        verify_webhook(get, body, &keys(&[key]), now)
    }

    #[test]
    fn another_implementation_agrees() {
        let headers = webhook_headers("msg_1", NOW, b"{\"a\":1}", &keys(&[KEY]));
        let theirs = standardwebhooks::Webhook::new(KEY).unwrap();
        let signature = theirs.sign("msg_1", NOW.0 / 1_000, b"{\"a\":1}").unwrap();
        assert_eq!(headers[2], ("webhook-signature".to_owned(), signature));
        assert_eq!(headers[1].1, "1735787045");
    }

    #[test]
    fn either_key_is_good_while_they_rotate() {
        let headers = webhook_headers("msg_1", NOW, b"body", &keys(&[KEY, OTHER]));
        assert_eq!(headers[2].1.split(' ').count(), 2);
        assert!(verify(&headers, b"body", KEY, NOW) && verify(&headers, b"body", OTHER, NOW));
        assert!(!verify(&headers, b"b0dy", KEY, NOW));
        assert!(!verify(&headers, b"body", KEY, NOW.plus(301_000)));
        let mine = webhook_headers("msg_1", NOW, b"body", &keys(&[KEY]));
        assert!(!verify(&mine, b"body", OTHER, NOW));
        assert!(!verify(
            &webhook_headers("msg_1", NOW, b"body", &[]),
            b"body",
            KEY,
            NOW
        ));
    }

    #[test]
    fn keys_are_checked_and_never_printed() {
        assert_eq!(SigningKey::parse("whsec_!!!"), Err(BadKey::Spelling));
        assert_eq!(SigningKey::parse("whsec_dGVzdA=="), Err(BadKey::Length(4)));
        assert_eq!(
            format!("{:?}", SigningKey::parse(KEY)),
            "Ok(SigningKey(..))"
        );
    }

    proptest! {
        #[test]
        fn no_header_panics(stamp in any::<String>(), signature in any::<String>()) {
            let headers = [
                ("webhook-timestamp".to_owned(), stamp),
                ("webhook-signature".to_owned(), signature),
            ];
            prop_assert!(!verify(&headers, b"", KEY, NOW));
        }
    }
}
