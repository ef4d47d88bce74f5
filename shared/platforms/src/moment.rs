//! Moments as platforms write them.

use baton_domain::Timestamp;

/// A moment from ISO 8601 / RFC 3339 text with an offset, to the millisecond;
/// `None` for anything else, and for times before 1970: a platform that says so
/// does not know the time.
#[must_use]
pub fn parse_iso(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.trim().parse().ok()?;
    let millis = moment.as_millisecond();
    (millis >= 0).then_some(Timestamp(millis))
}

/// The moment of an HTTP `Date` header (RFC 9110, section 5.6.7), which counts whole
/// seconds; `None` for anything else.
#[must_use]
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    let moment = parser.parse_timestamp(text.trim()).ok()?;
    Some(Timestamp(moment.as_millisecond()))
}

/// RFC 3339 in UTC with milliseconds, e.g. `2025-01-02T03:04:05.060Z`. Moments
/// outside the years that can be written so become the nearest that can.
#[must_use]
pub fn to_iso(at: Timestamp) -> String {
    let nearest = if at.0 < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    };
    let moment = jiff::Timestamp::from_millisecond(at.0).unwrap_or(nearest);
    format!("{moment:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn iso_is_read_and_written() {
        assert_eq!(
            parse_iso("2025-01-02T03:04:05.06Z"),
            Some(Timestamp(1_735_787_045_060))
        );
        assert_eq!(
            parse_iso("2025-01-02T04:04:05.06+01:00"),
            Some(Timestamp(1_735_787_045_060))
        );
        assert_eq!(
            to_iso(Timestamp(1_735_787_045_060)),
            "2025-01-02T03:04:05.060Z"
        );
        for odd in [
            "",
            "yesterday",
            "2025-01-02",
            "1735787045060",
            "1960-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_iso(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_date_of_an_answer_is_read() {
        let date = parse_http_date("Thu, 02 Jan 2025 03:04:05 GMT");
        assert_eq!(date, Some(Timestamp(1_735_787_045_000)));
        assert_eq!(parse_http_date("2025-01-02T03:04:05Z"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_any_moment_written(text in any::<String>(), millis in any::<i64>()) {
            let _ = parse_iso(&text);
            prop_assert!(!to_iso(Timestamp(millis)).is_empty());
        }

        #[test]
        fn what_is_written_is_read_back(millis in 0i64..4_102_444_800_000) {
            prop_assert_eq!(parse_iso(&to_iso(Timestamp(millis))), Some(Timestamp(millis)));
        }
    }
}
