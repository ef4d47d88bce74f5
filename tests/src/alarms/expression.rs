//! Metric math, as far as the template uses it: numbers, names, `*`, `/`, `SUM([...])`
//! and `MAX([...])`. Source: CloudWatch user guide, "Using math expressions with
//! CloudWatch metrics".

use std::collections::BTreeMap;

/// The value of an expression over one period; `None` where a name that it cannot do
/// without has no data. `SUM` and `MAX` of a list leave out what has none.
///
/// # Errors
/// What cannot be read.
pub(super) fn evaluate(
    expression: &str,
    values: &BTreeMap<String, Option<f64>>,
) -> Result<Option<f64>, String> {
    let mut reader = Reader {
        rest: expression.trim(),
        values,
    };
    let value = reader.product()?;
    match reader.rest {
        "" => Ok(value),
        rest => Err(format!("what is `{rest}` in `{expression}`?")),
    }
}

struct Reader<'a> {
    rest: &'a str,
    values: &'a BTreeMap<String, Option<f64>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, token: &str) -> bool {
        let taken = self.rest.strip_prefix(token);
        if let Some(rest) = taken {
            self.rest = rest.trim_start();
        }
        taken.is_some()
    }

    fn word(&mut self) -> &'a str {
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
        let end = self
            .rest
            .find(|letter| !is_word(letter))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn product(&mut self) -> Result<Option<f64>, String> {
        let mut value = self.factor()?;
        loop {
            if self.take("*") {
                let by = self.factor()?;
                value = value.zip(by).map(|(value, by)| value * by);
            } else if self.take("/") {
                let by = self.factor()?;
                // Division by nothing has no value.
                value = value
                    .zip(by.filter(|by| *by != 0.0))
                    .map(|(value, by)| value / by);
            } else {
                return Ok(value);
            }
        }
    }

    fn factor(&mut self) -> Result<Option<f64>, String> {
        let word = self.word();
        if let Ok(number) = word.parse() {
            return Ok(Some(number));
        }
        match word {
            "SUM" => Ok(self.list()?.into_iter().flatten().reduce(|a, b| a + b)),
            "MAX" => Ok(self.list()?.into_iter().flatten().reduce(f64::max)),
            name => {
                let value = self.values.get(name);
                value.copied().ok_or(format!("what is `{name}`?"))
            }
        }
    }

    fn list(&mut self) -> Result<Vec<Option<f64>>, String> {
        let mut list = Vec::new();
        if !self.take("(") || !self.take("[") {
            return Err(format!("a list should stand before `{}`", self.rest));
        }
        loop {
            list.push(self.product()?);
            if self.take("]") && self.take(")") {
                return Ok(list);
            }
            if !self.take(",") {
                return Err(format!("the list should go on before `{}`", self.rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_have_values_where_there_is_data() {
        let values = BTreeMap::from([
            ("late".to_owned(), Some(2.0)),
            ("fired".to_owned(), Some(50.0)),
            ("none".to_owned(), None),
            ("zero".to_owned(), Some(0.0)),
        ]);
        for (expression, value) in [
            ("100 * late / fired", Some(4.0)),
            ("100 * none / fired", None),
            ("late / zero", None),
            ("SUM([late, none, fired])", Some(52.0)),
            ("SUM([none])", None),
            ("MAX([late / 2, fired / 10])", Some(5.0)),
        ] {
            assert_eq!(evaluate(expression, &values), Ok(value), "{expression}");
        }
        for unreadable in ["late +", "SUM(late)", "MAX([late", "unheard", ""] {
            assert!(evaluate(unreadable, &values).is_err(), "{unreadable}");
        }
    }
}
