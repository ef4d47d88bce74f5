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
    use proptest::prelude::*;

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

    /// For how many seconds a process goes on with settings that it has read.
    const SETTINGS_KEPT: u32 = 60;

    /// A rotation: when both sets are good, when the sender changes, when the old set goes.
    #[derive(Clone, Copy, Debug)]
    struct Rotation {
        both: u32,
        switched: u32,
        gone: u32,
    }

    impl Rotation {
        /// Whether a request at `at` is admitted by a process whose settings are `age` old.
        fn admits(self, at: u32, age: u32) -> bool {
            let (old, new) = (basic("gladly", "test-old"), basic("gladly", "test-new"));
            let read = at.saturating_sub(age);
            let sets = if read < self.both {
                vec![old]
            } else if read < self.gone {
                vec![new, old]
            } else {
                vec![new]
            };
            let password = if at < self.switched {
                "test-old"
            } else {
                "test-new"
            };
            asks(&sets, &[("authorization", &sent("gladly", password))])
        }
    }

    proptest! {
        #[test]
        fn a_rotation_step_by_step_refuses_no_request(
            both in 0..1_000u32,
            waited in SETTINGS_KEPT..500,
            later in 0..500u32,
            requests in prop::collection::vec((0..2_500u32, 0..SETTINGS_KEPT), 1..40),
        ) {
            let switched = both + waited;
            let rotation = Rotation { both, switched, gone: switched + later };
            for (at, age) in requests {
                prop_assert!(rotation.admits(at, age), "{rotation:?}: at {at}, settings {age} s old");
            }
        }

        #[test]
        fn nothing_but_the_whole_secret_is_admitted(
            user in ".{0,12}",
            password in ".{0,24}",
            header in ".{0,24}",
        ) {
            let mut set = basic("gladly", "test-password");
            set.headers.push(("x-token".to_owned(), "test-token".to_owned()));
            prop_assume!((user.as_str(), password.as_str()) != ("gladly", "test-password"));
            let sets = [set];
            let forged = sent(&user, &password);
            prop_assert!(!asks(&sets, &[("authorization", &forged), ("x-token", "test-token")]));
            prop_assume!(header != "test-token");
            let good = sent("gladly", "test-password");
            prop_assert!(!asks(&sets, &[("authorization", &good), ("x-token", &header)]));
        }
    }

    #[test]
    fn a_sender_that_changes_too_early_is_refused_by_some_process() {
        let hasty = Rotation {
            both: 100,
            switched: 159,
            gone: 300,
        };
        // bites: a rotation without waiting for the settings to be read everywhere.
        assert!(!hasty.admits(159, 60));
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
