//! Credentials: as a header to send, and read from one that came in.

use data_encoding::{BASE64, BASE64_NOPAD};
use std::fmt;
use subtle::ConstantTimeEq;

/// What a request is authorized with.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// HTTP Basic (RFC 7617), UTF-8.
    Basic {
        /// User name; must not contain `:`.
        user: String,
        /// Password or API token.
        password: String,
    },
    /// `Authorization: Bearer` (RFC 6750).
    Bearer(String),
    /// `Authorization: Token`, Landbot's scheme.
    Token(String),
    /// A header of the platform's own, such as YCloud's `X-API-Key`.
    Header {
        /// The header's name.
        name: String,
        /// The secret.
        value: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(..)",
            Self::Bearer(_) => "Bearer(..)",
            Self::Token(_) => "Token(..)",
            Self::Header { .. } => "Header(..)",
        })
    }
}

impl Credentials {
    /// The header that carries them: its name in lower case, and its value.
    #[must_use]
    pub fn header(&self) -> (String, String) {
        let authorization = |value: String| ("authorization".to_owned(), value);
        match self {
            Self::Basic { user, password } => {
                let pair = BASE64.encode(format!("{user}:{password}").as_bytes());
                authorization(format!("Basic {pair}"))
            }
            Self::Bearer(token) => authorization(format!("Bearer {token}")),
            Self::Token(token) => authorization(format!("Token {token}")),
            Self::Header { name, value } => (name.to_ascii_lowercase(), value.clone()),
        }
    }
}

/// User name and password of an `Authorization: Basic` value, `None` if it is
/// anything else. The user name ends at the first colon (RFC 7617).
#[must_use]
pub fn parse_basic(value: &str) -> Option<(String, String)> {
    let encoded = after_scheme(value, "basic")?;
    let bytes = BASE64
        .decode(encoded.as_bytes())
        .or_else(|_| BASE64_NOPAD.decode(encoded.as_bytes()))
        .ok()?;
    let pair = String::from_utf8(bytes).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The token of an `Authorization: Bearer` value.
#[must_use]
pub fn bearer(value: &str) -> Option<&str> {
    after_scheme(value, "bearer")
}

/// The token of an `Authorization: Token` value.
#[must_use]
pub fn parse_token(value: &str) -> Option<&str> {
    after_scheme(value, "token")
}

/// What follows a scheme, whose case does not matter (RFC 9110, section 11.1).
fn after_scheme<'a>(value: &'a str, scheme: &str) -> Option<&'a str> {
    let (given, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    (given.eq_ignore_ascii_case(scheme) && !rest.is_empty()).then_some(rest)
}

/// Whether two secrets are the same, in a time that depends on their lengths only.
#[must_use]
pub fn same_secret(given: &[u8], expected: &[u8]) -> bool {
    given.ct_eq(expected).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn basic_survives_colons_and_accents() {
        let credentials = Credentials::Basic {
            user: "hub@example.com".to_owned(),
            password: "test:sécret".to_owned(),
        };
        let (name, value) = credentials.header();
        assert_eq!(name, "authorization");
        assert_eq!(
            parse_basic(&value),
            Some(("hub@example.com".to_owned(), "test:sécret".to_owned()))
        );
        assert_eq!(
            parse_basic(&value.replace("Basic", "bASIC")),
            parse_basic(&value)
        );
        // RFC 7617's own example.
        let aladdin = parse_basic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(
            aladdin,
            Some(("Aladdin".to_owned(), "open sesame".to_owned()))
        );
    }

    #[test]
    fn other_schemes_are_not_basic() {
        for value in [
            "",
            "Basic",
            "Basic ",
            "Bearer QTpC",
            "Basic !!!",
            "Basic QQ==",
            "QTpC",
        ] {
            assert_eq!(parse_basic(value), None, "{value}");
        }
        assert_eq!(bearer("Bearer test-token"), Some("test-token"));
        assert_eq!(parse_token("Token test-token"), Some("test-token"));
        assert_eq!(bearer("Token test-token"), None);
    }

    #[test]
    fn nothing_of_a_secret_is_printed() {
        let shown = format!("{:?}", Credentials::Bearer("test-secret".to_owned()));
        assert!(!shown.contains("test-secret"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(value in any::<String>()) {
            let _ = (parse_basic(&value), bearer(&value), parse_token(&value));
            prop_assert!(same_secret(value.as_bytes(), value.as_bytes()));
        }
    }
}
