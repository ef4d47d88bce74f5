//! Where the hub may be told to go.

use super::*;

#[test]
fn credentials_are_sent_to_gladly_alone() {
    for host in [
        "https://gladly.com",
        "https://gladly.com.example.com",
        "https://acmegladly.com",
        "https://a.b.c.gladly.com",
        "https://.gladly.com",
        "https://acme.gladly.com.",
        "https://acme.gladly.com\\\\@example.com",
        "https://10.0.0.1",
        "https://localhost.example.com",
    ] {
        let said = said("https://acme.gladly.com", host);
        assert_eq!(said.len(), 1, "{host} {said:?}");
        assert!(said[0].contains("base_url"), "{host} {said:?}");
    }
    for (url, part) in [
        (
            "http://acme.gladly.com",
            "must be `https` and the host alone: the hub adds port and path -> `https://acme.gladly.com`",
        ),
        ("https://acme.gladly.com/api/v1", "the host alone"),
        ("https://acme.gladly.com:8443", "the host alone"),
        ("https://acme.gladly.com?x=1", "the host alone"),
        (
            "https://test-user:test-password@acme.gladly.com",
            "must not carry credentials",
        ),
        ("https://acme.gladly.com#x", "before the `#`"),
        ("gladly", "must start with `https://`"),
        ("https://", "is not a web address"),
    ] {
        let said = said("https://acme.gladly.com", url);
        assert!(said.len() == 1 && said[0].contains(part), "{url} {said:?}");
        assert!(!said[0].contains("test-"), "{said:?}");
    }
}

#[test]
fn bots_are_reached_over_the_internet() {
    for (url, part) in [
        (
            "http://bot.example.com",
            "warning: connection.bot.url: is `http`",
        ),
        (
            "http://127.0.0.1:9000/hook",
            "warning: connection.bot.url: is this machine",
        ),
        ("https://10.1.2.3", "is a private address"),
        ("https://169.254.169.254/latest", "is a private address"),
        ("https://100.64.0.1", "is a private address"),
        ("https://0x0a000001", "is a private address"),
        ("https://[fd00::1]", "is a private address"),
        ("https://[::ffff:10.0.0.1]", "is a private address"),
        ("https://bot.internal", "is a private address"),
        ("https://bot", "is a private address"),
        (
            "ftp://bot.example.com",
            "must start with `https://` or `http://`",
        ),
    ] {
        let said = said("https://bot.example.com/hook", url);
        assert!(said.len() == 1 && said[0].contains(part), "{url} {said:?}");
    }
    assert!(said("https://bot.example.com/hook", "https://203.0.113.7/hook").is_empty());
}

#[test]
fn public_urls() {
    let hub = |url: &str| lines(&tracked(&format!("{GOOD}[hub]\npublic_url = \"{url}\"\n")));
    assert!(hub("https://hub.example.com/prod/").is_empty());
    assert!(hub("http://127.0.0.1:9000").is_empty());
    assert_eq!(
        hub("http://hub.example.com/"),
        [
            "25:14: hub.public_url: must be `https`: platforms send credentials to it -> `https://hub.example.com/`"
        ]
    );
    assert!(hub("https://hub.example.com/?a=b")[0].contains("must end before the `?`"));
}
