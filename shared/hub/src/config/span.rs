//! Spans of time as people write them.

use baton_domain::time::{DAY, HOUR, MINUTE, SECOND};

/// Longer than anything sensible, and far from overflow.
const LONGEST: i64 = 36_500 * DAY;

/// Milliseconds of `300s`, `4m`, `24h` or `7d`; `None` if it is none of these.
pub(super) fn parse(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text.strip_prefix(digits)?.trim_start() {
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    // Signs and the like are no digits.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    bounded(digits.parse::<i64>().ok()?.checked_mul(unit)?)
}

/// Milliseconds of whole seconds.
pub(super) fn of_seconds(seconds: i64) -> Option<i64> {
    bounded(seconds.checked_mul(SECOND)?)
}

fn bounded(millis: i64) -> Option<i64> {
    (0..=LONGEST).contains(&millis).then_some(millis)
}

/// The shortest way to write it: `300s` stays in seconds, as platforms state it.
pub(super) fn show(millis: i64) -> String {
    let (count, unit) = match millis {
        m if m >= 2 * DAY && m % DAY == 0 => (m / DAY, "d"),
        m if m >= HOUR && m % HOUR == 0 => (m / HOUR, "h"),
        m if m >= 10 * MINUTE && m % MINUTE == 0 => (m / MINUTE, "m"),
        m => (m / SECOND, "s"),
    };
    format!("{count}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_units() {
        assert_eq!(parse("300s"), Some(300_000));
        assert_eq!(parse("4m"), Some(240_000));
        assert_eq!(parse("24h"), Some(86_400_000));
        assert_eq!(parse("7 d"), Some(7 * DAY));
        assert_eq!(parse("0s"), Some(0));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "s",
            "300",
            "300 seconds",
            "-5s",
            "+5s",
            "1h30m",
            "1.5h",
            "5S",
            "99999999999999999999s",
            "9999999999d",
            "٣s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(of_seconds(-1), None);
        assert_eq!(of_seconds(i64::MAX), None);
    }

    #[test]
    fn shown_as_one_would_write_it() {
        let shown = [230_000, 300_000, 600_000, 3_600_000, DAY, 8 * DAY].map(show);
        assert_eq!(shown, ["230s", "300s", "10m", "1h", "24h", "8d"]);
    }
}
