//! Ids inside paths.

use std::fmt::Write;

/// An id as one path segment: everything outside RFC 3986's unreserved characters
/// is percent-encoded, byte by byte.
///
/// Ids are opaque and come from outside, so no id may change which resource a path
/// names: `.` and `..` would be resolved away by URL parsers even when encoded once,
/// and an empty one would shift the segments. They become ids that no platform
/// knows, and are answered as such.
#[must_use]
pub fn encode_segment(id: &str) -> String {
    match id {
        "" => return "%20".to_owned(),
        "." => return "%252E".to_owned(),
        ".." => return "%252E%252E".to_owned(),
        _ => {}
    }
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_stays_one_segment() {
        assert_eq!(
            encode_segment("zGaHXjD4SR-moMR9LbULDa"),
            "zGaHXjD4SR-moMR9LbULDa"
        );
        assert_eq!(encode_segment("a/b?c#d e%é"), "a%2Fb%3Fc%23d%20e%25%C3%A9");
        assert_eq!(encode_segment(".."), "%252E%252E");
        assert_eq!(encode_segment(""), "%20");
    }

    proptest! {
        #[test]
        fn no_id_leaves_its_segment(id in any::<String>()) {
            let segment = encode_segment(&id);
            prop_assert!(!segment.is_empty() && segment != "." && segment != "..");
            prop_assert!(segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)));
        }
    }
}
