//! What goes wrong, by chance or on demand; a seed replays it.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// How often something strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chance {
    /// Not at all.
    #[default]
    Never,
    /// The next so many times.
    Next(u32),
    /// Each time with this probability, 0.0 to 1.0.
    Probability(f64),
}

impl Chance {
    /// Whether it strikes now; uses up one of [`Chance::Next`].
    pub(crate) fn strikes(&mut self, random: &mut Random) -> bool {
        match self {
            Self::Never | Self::Next(0) => false,
            Self::Next(left) => {
                *left -= 1;
                true
            }
            Self::Probability(probability) => random.chance(*probability),
        }
    }
}

/// Faults of one simulated Gladly. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Faults {
    /// Faults of webhook deliveries.
    pub webhook: WebhookFaults,
    /// Faults of API calls; the first rule that matches and strikes is used.
    pub api: Vec<ApiRule>,
}

/// Faults on the way to the webhook's receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WebhookFaults {
    /// Whether an event is delivered more than once.
    pub duplicate: Chance,
    /// How many copies are sent besides the first.
    pub copies: u32,
    /// Whether the copies leave together with the first, else after its answer.
    pub concurrent: bool,
    /// Whether an event leaves late.
    pub delay: Chance,
    /// The most it is late, in ms; the delay itself is random.
    pub delay_ms: i64,
    /// Whether an event waits until the next one of its session went first.
    pub reorder: Chance,
    /// How long it waits for a next one, in ms.
    pub reorder_ms: i64,
    /// Whether the receiver's answer gets lost: counted as a time-out, retried.
    pub lose_answer: Chance,
}

impl Default for WebhookFaults {
    fn default() -> Self {
        Self {
            duplicate: Chance::Never,
            copies: 1,
            concurrent: false,
            delay: Chance::Never,
            delay_ms: 1_000,
            reorder: Chance::Never,
            reorder_ms: 1_000,
            lose_answer: Chance::Never,
        }
    }
}

/// A fault of API calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ApiRule {
    /// Only this method; `None` means all.
    pub method: Option<String>,
    /// Only paths that contain this; empty means all.
    pub path: String,
    /// How often.
    pub when: Chance,
    /// What happens.
    pub fault: ApiFault,
}

impl ApiRule {
    /// A rule for every call whose path contains `path`.
    #[must_use]
    pub fn on(path: &str, when: Chance, fault: ApiFault) -> Self {
        Self {
            method: None,
            path: path.into(),
            when,
            fault,
        }
    }

    /// The same for one method only, such as `POST`.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.into());
        self
    }
}

/// What happens to an API call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiFault {
    /// Refused with this status before any effect, with an empty body.
    Status(u16),
    /// Not answered for `hang_ms`, and then with 503; no effect.
    Hang,
    /// Takes effect, then the connection ends without an answer.
    #[default]
    LoseAnswer,
    /// Takes effect, then the connection ends within the answer's body.
    HalfBody,
}

impl Faults {
    /// The fault that strikes this call, if any.
    pub(crate) fn strike(
        &mut self,
        method: &str,
        path: &str,
        random: &mut Random,
    ) -> Option<ApiFault> {
        let matching = self.api.iter_mut().filter(|rule| {
            path.contains(&rule.path)
                && rule
                    .method
                    .as_deref()
                    .is_none_or(|only| only.eq_ignore_ascii_case(method))
        });
        for rule in matching {
            if rule.when.strikes(random) {
                return Some(rule.fault);
            }
        }
        None
    }
}
