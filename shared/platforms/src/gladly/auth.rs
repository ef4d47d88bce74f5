//! Who may post webhooks. Gladly signs nothing: it sends HTTP Basic credentials,
//! static headers, or both, as the webhook was set up (Gladly API 1.0, webhooks).

use crate::http::{parse_basic, same_secret};
use std::fmt;

/// One set of credentials of a webhook. Everything in it must match.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WebhookAuth {
    /// User name and password.
    pub basic: Option<(String, String)>,
    /// Names and values of the static headers.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for WebhookAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("WebhookAuth")
            .field("basic", &self.basic.is_some())
            .field("headers", &names)
            .finish()
    }
}

impl WebhookAuth {
    /// Whether the request carries all of this set. `get_header` looks a header up
    /// by its lower-case name. A set that demands nothing admits nobody.
    ///
    /// Every part is compared, in constant time, whatever came before it.
    #[must_use]
    pub fn verify<'h>(&self, get_header: impl Fn(&str) -> Option<&'h str>) -> bool {
        let mut all = self.basic.is_some() || !self.headers.is_empty();
        if let Some((user, password)) = &self.basic {
            let given = get_header("authorization").and_then(parse_basic);
            let (given_user, given_password) = given.unwrap_or_default();
            all &= same_secret(given_user.as_bytes(), user.as_bytes())
                & same_secret(given_password.as_bytes(), password.as_bytes())
                // Empty credentials are no credentials.
                & !(user.is_empty() && password.is_empty());
        }
        for (name, value) in &self.headers {
            let given = get_header(&name.to_ascii_lowercase()).unwrap_or_default();
            all &= same_secret(given.as_bytes(), value.as_bytes()) & !value.is_empty();
        }
        all
    }
}

/// Whether the request carries any of these sets: while secrets are rotated, the old
/// and the new one are both good.
#[must_use]
pub fn verify_any<'h>(sets: &[WebhookAuth], get_header: impl Fn(&str) -> Option<&'h str>) -> bool {
    sets.iter()
        .fold(false, |good, set| set.verify(&get_header) | good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Credentials;

    fn asks(sets: &[WebhookAuth], headers: &[(&str, &str)]) -> bool {
        verify_any(sets, |name| {
            headers
                .iter()
                .find(|(given, _)| *given == name)
                .map(|(_, value)| *value)
        })
    }

    fn basic(user: &str, password: &str) -> WebhookAuth {
        let basic = Some((user.to_owned(), password.to_owned()));
        WebhookAuth {
            basic,
            headers: Vec::new(),
        }
    }

    fn sent(user: &str, password: &str) -> String {
        let (user, password) = (user.to_owned(), password.to_owned());
        Credentials::Basic { user, password }.header().1
    }

    #[test]
    fn all_of_a_set_must_match() {
        let mut both = basic("gladly", "test-password");
        both.headers
            .push(("X-Gladly-Token".to_owned(), "test-token".to_owned()));
        let both = [both];
        let good = sent("gladly", "test-password");
        assert!(asks(
            &both,
            &[("authorization", &good), ("x-gladly-token", "test-token")]
        ));
        assert!(!asks(&both, &[("authorization", &good)]));
        assert!(!asks(&both, &[("x-gladly-token", "test-token")]));
        let bad = sent("gladly", "test-passwore");
        assert!(!asks(
            &both,
            &[("authorization", &bad), ("x-gladly-token", "test-token")]
        ));
        assert!(!asks(&both, &[]));
    }

    #[test]
    fn any_set_will_do_while_secrets_rotate() {
        let sets = [basic("gladly", "test-old"), basic("gladly", "test-new")];
        assert!(asks(
            &sets,
            &[("authorization", &sent("gladly", "test-old"))]
        ));
        assert!(asks(
            &sets,
            &[("authorization", &sent("gladly", "test-new"))]
        ));
        assert!(!asks(
            &sets,
            &[("authorization", &sent("gladly", "test-other"))]
        ));
    }

    #[test]
    fn nothing_configured_admits_nobody() {
        assert!(!asks(&[], &[]));
        assert!(!asks(
            &[WebhookAuth::default()],
            &[("authorization", "Basic Og==")]
        ));
        assert!(!asks(&[basic("", "")], &[("authorization", "Basic Og==")]));
        let blank = WebhookAuth {
            basic: None,
            headers: vec![("x-t".to_owned(), String::new())],
        };
        assert!(!asks(&[blank], &[]));
    }
}
