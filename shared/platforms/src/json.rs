//! Reading fields of JSON whose shape is not ours to trust: an odd or missing
//! field is absent, never an error.

use serde_json::Value;

/// The field as text: a text that is not empty, or a number as it is written. Ids
/// are opaque, and platforms write some of them as numbers.
pub(crate) fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The field as text that may be empty.
pub(crate) fn any_text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// Parses JSON that may carry half an emoji: senders that cut text by UTF-16 units
/// leave a lone surrogate, which strict parsers refuse although the rest is fine.
/// Such an escape, and bytes that are not UTF-8, become U+FFFD.
pub(crate) fn parse_lenient(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(bytes).or_else(|error| {
        let text = String::from_utf8_lossy(bytes);
        match mend_surrogates(&text) {
            Some(mended) => serde_json::from_str(&mended),
            None if matches!(text, std::borrow::Cow::Owned(_)) => serde_json::from_str(&text),
            None => Err(error),
        }
    })
}

/// The text with every unpaired `\uD800`-`\uDFFF` replaced, `None` if there is none.
fn mend_surrogates(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut mended = false;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let taken = match (unit(from), from.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                mended = true;
                out.push_str("\\uFFFD");
                rest = from.get(6..).unwrap_or_default();
                continue;
            }
            // An escape is two characters here; `\uXXXX` goes on as plain text.
            _ => 1 + from.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (escape, after) = from.split_at_checked(taken).unwrap_or((from, ""));
        out.push_str(escape);
        rest = after;
    }
    out.push_str(rest);
    mended.then_some(out)
}

/// The UTF-16 unit of a `\uXXXX` at the beginning.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_an_emoji_costs_one_character() {
        let parsed = parse_lenient(br#"{"a":"x\ud83d y \\ud83d \ud83d\ude00"}"#).unwrap();
        assert_eq!(any_text(&parsed, "a"), Some("x\u{fffd} y \\ud83d 😀"));
        let parsed = parse_lenient(b"{\"a\":\"x\xff\"}").unwrap();
        assert_eq!(any_text(&parsed, "a"), Some("x\u{fffd}"));
        assert!(parse_lenient(br#"{"a":"#).is_err());
    }

    proptest! {
        #[test]
        fn mending_never_panics(text in r#"(\\|u|d83d|de00|"|é|\{|\}|:){0,40}"#) {
            let _ = parse_lenient(text.as_bytes());
        }
    }
}
