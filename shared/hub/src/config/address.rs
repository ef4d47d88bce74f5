//! The addresses in a document: the hub's, the platforms' and the bots'.

use super::mistake::Notes;
use super::section::{Field, shown};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Domains that carry Gladly's API, of production and of sandboxes (Gladly API 1.0).
/// Credentials are sent nowhere else.
const GLADLY_DOMAINS: [&str; 2] = [".gladly.com", ".gladly.qa"];

/// The base of Gladly's API: `https://{organization}.gladly.com` or `.gladly.qa`, with
/// at most one more label for a region (`acme.us-1.gladly.com`). A simulator on this
/// machine may be anything.
pub(super) fn gladly_base(field: &Field<String>, notes: &mut Notes<'_>) -> Option<String> {
    let url = web_address(field, notes)?;
    if on_this_machine(&url) {
        return Some(without_slash(&url));
    }
    let host = url.host_str().unwrap_or_default();
    let ours = GLADLY_DOMAINS
        .iter()
        .find_map(|domain| host.strip_suffix(domain));
    let labels = ours
        .map(|labels| labels.split('.').collect::<Vec<_>>())
        .unwrap_or_default();
    if !(1..=2).contains(&labels.len()) || labels.iter().any(|label| label.is_empty()) {
        notes
            .error(
                &field.at,
                &field.path,
                format!("`{}` is not a host of Gladly", shown(host)),
            )
            .suggest("`https://{organization}.gladly.com`, or `.gladly.qa` for a sandbox");
        return None;
    }
    let whole = format!("https://{host}");
    if without_slash(&url) != whole {
        let problem = "must be `https` and the host alone: the hub adds port and path";
        notes
            .error(&field.at, &field.path, problem)
            .suggest(format!("`{whole}`"));
        return None;
    }
    Some(whole)
}

/// Where the hub is reached: `https`, or anything on this machine.
pub(super) fn public_url(field: &Field<String>, notes: &mut Notes<'_>) -> Option<String> {
    let url = web_address(field, notes)?;
    if url.scheme() != "https" && !on_this_machine(&url) {
        let problem = "must be `https`: platforms send credentials to it";
        notes
            .error(&field.at, &field.path, problem)
            .suggest(with_https(&url));
        return None;
    }
    if url.query().is_some() {
        notes.error(&field.at, &field.path, "must end before the `?`");
        return None;
    }
    Some(without_slash(&url))
}

/// Where a bot is told.
pub(super) fn bot_url(field: &Field<String>, notes: &mut Notes<'_>) -> Option<String> {
    let url = web_address(field, notes)?;
    if on_this_machine(&url) {
        let problem = "is this machine: only a hub that runs here reaches it";
        notes.warn(&field.at, &field.path, problem);
    } else if is_private(&url) {
        let problem = "is a private address: a hub on AWS does not call it";
        notes
            .warn(&field.at, &field.path, problem)
            .suggest("give the bot a public address");
    } else if url.scheme() == "http" {
        let problem = "is `http`: what customers write travels unencrypted";
        notes
            .warn(&field.at, &field.path, problem)
            .suggest(with_https(&url));
    }
    Some(url.into())
}

/// An `http` or `https` address with a host, without credentials and fragment.
fn web_address(field: &Field<String>, notes: &mut Notes<'_>) -> Option<Url> {
    let text = field.value.trim();
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        // `acme.gladly.com:443` reads as a scheme with a path.
        _ if !text.contains("://") && Url::parse(&format!("https://{text}")).is_ok() => {
            let suggestion = format!("`https://{}`", shown(text));
            notes
                .error(&field.at, &field.path, "must start with `https://`")
                .suggest_maybe((!text.contains('@')).then_some(suggestion));
            return None;
        }
        Ok(_) => {
            notes.error(
                &field.at,
                &field.path,
                "must start with `https://` or `http://`",
            );
            return None;
        }
        Err(why) => {
            notes.error(
                &field.at,
                &field.path,
                format!("is not a web address: {why}"),
            );
            return None;
        }
    };
    // Settings are shown and stored in the clear.
    if !url.username().is_empty() || url.password().is_some() {
        notes
            .error(&field.at, &field.path, "must not carry credentials")
            .suggest("put them into `secrets`");
        return None;
    }
    if url.fragment().is_some() {
        notes.error(
            &field.at,
            &field.path,
            "must end before the `#`: that part is never sent",
        );
        return None;
    }
    Some(url)
}

fn without_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn with_https(url: &Url) -> String {
    format!("`https{}`", url.as_str().trim_start_matches("http"))
}

/// Whether it is a loopback address.
fn on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether it can be told from the spelling that it is not on the public internet.
fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let ends = [".localhost", ".local", ".internal", ".home.arpa"];
            !name.trim_end_matches('.').contains('.') || ends.iter().any(|end| name.ends_with(end))
        }
        Some(Host::Ipv4(ip)) => private(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => private(IpAddr::V6(ip)),
        None => true,
    }
}

fn private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            // 100.64.0.0/10 is shared by carriers' customers (RFC 6598).
            let carrier = a == 100 && (64..128).contains(&b);
            let nowhere = a == 0 || ip == Ipv4Addr::BROADCAST;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || carrier || nowhere
        }
        IpAddr::V6(ip) => {
            let inner = ip.to_ipv4_mapped().map(IpAddr::V4);
            ip == Ipv6Addr::UNSPECIFIED
                || ip.is_loopback()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || inner.is_some_and(private)
        }
    }
}
