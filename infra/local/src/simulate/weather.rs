//! What goes wrong in a run, and how often.

use baton_simulators::random::Random;
use std::collections::BTreeMap;

/// A kind of fault. Each has a probability of its own in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A process dies before a request of its took effect.
    KilledBefore,
    /// A process dies after a request of its took effect.
    KilledAfter,
    /// The database's answer is lost.
    StoreAnswerLost,
    /// A request never reaches the database.
    StoreCallLost,
    /// The database throttles.
    StoreThrottles,
    /// The database fails.
    StoreFails,
    /// Another transaction is under way on the item.
    StoreConflicts,
    /// The database takes its time, up to more than a caller waits.
    StoreSlow,
    /// A request is under way to the database for seconds, and takes effect long after
    /// its caller has given it up.
    StoreLate,
    /// An index is behind its table by seconds.
    IndexLags,
    /// A platform's call is refused with 5xx.
    PlatformFails,
    /// A platform's call is refused with 429.
    PlatformLimits,
    /// A platform does not answer; nothing happens.
    PlatformHangs,
    /// A platform does what it is asked, and its answer is lost or breaks off.
    PlatformAnswerLost,
    /// A platform takes seconds.
    PlatformSlow,
    /// The bot answers 5xx.
    BotFails,
    /// The bot does not answer.
    BotHangs,
    /// The bot takes a message in, and its answer is lost.
    BotAnswerLost,
    /// The bot is down for minutes.
    BotDown,
    /// An answer of the hub's API is lost on its way to the client.
    ApiAnswerLost,
    /// A webhook is delivered up to seven more times.
    WebhookRepeated,
    /// A webhook comes late.
    WebhookDelayed,
    /// A webhook is overtaken by the next.
    WebhookOvertaken,
    /// The hub's answer to a webhook is lost.
    WebhookAnswerLost,
    /// A batch of the stream comes late.
    BatchDelayed,
    /// A batch of the stream comes again.
    BatchRepeated,
    /// A shard of the stream stands still for ten minutes.
    StreamStopped,
    /// The minute's tick does not come.
    TickLost,
    /// The minute's tick comes twice.
    TickDoubled,
    /// The minute's tick comes late.
    TickLate,
    /// The bus does not take an entry.
    BusEntryFails,
    /// The bus's answer is lost.
    BusAnswerLost,
    /// A process is put away after a call.
    Recycled,
}

impl Fault {
    /// All kinds, with the highest probability that a run may have. Those that strike
    /// every call of a process are rarer than those that strike a message.
    pub const ALL: [(Self, f64); 33] = [
        (Self::KilledBefore, 0.02),
        (Self::KilledAfter, 0.02),
        (Self::StoreAnswerLost, 0.10),
        (Self::StoreCallLost, 0.10),
        (Self::StoreThrottles, 0.20),
        (Self::StoreFails, 0.10),
        (Self::StoreConflicts, 0.05),
        (Self::StoreSlow, 0.10),
        (Self::StoreLate, 0.10),
        (Self::IndexLags, 0.50),
        (Self::PlatformFails, 0.30),
        (Self::PlatformLimits, 0.30),
        (Self::PlatformHangs, 0.10),
        (Self::PlatformAnswerLost, 0.30),
        (Self::PlatformSlow, 0.20),
        (Self::BotFails, 0.30),
        (Self::BotHangs, 0.10),
        (Self::BotAnswerLost, 0.20),
        (Self::BotDown, 0.10),
        (Self::ApiAnswerLost, 0.20),
        (Self::WebhookRepeated, 0.80),
        (Self::WebhookDelayed, 0.50),
        (Self::WebhookOvertaken, 0.50),
        (Self::WebhookAnswerLost, 0.30),
        (Self::BatchDelayed, 0.30),
        (Self::BatchRepeated, 0.30),
        (Self::StreamStopped, 0.02),
        (Self::TickLost, 0.40),
        (Self::TickDoubled, 0.50),
        (Self::TickLate, 0.50),
        (Self::BusEntryFails, 0.30),
        (Self::BusAnswerLost, 0.10),
        (Self::Recycled, 0.20),
    ];

    /// As the summary names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KilledBefore => "killed before a request took effect",
            Self::KilledAfter => "killed after a request took effect",
            Self::StoreAnswerLost => "database: answer lost",
            Self::StoreCallLost => "database: request lost",
            Self::StoreThrottles => "database: throttled",
            Self::StoreFails => "database: 500",
            Self::StoreConflicts => "database: transaction conflict",
            Self::StoreSlow => "database: slow",
            Self::StoreLate => "database: request arrives late",
            Self::IndexLags => "database: index behind",
            Self::PlatformFails => "platform: 5xx",
            Self::PlatformLimits => "platform: 429",
            Self::PlatformHangs => "platform: hangs",
            Self::PlatformAnswerLost => "platform: answer lost or half",
            Self::PlatformSlow => "platform: slow",
            Self::BotFails => "bot: 5xx",
            Self::BotHangs => "bot: hangs",
            Self::BotAnswerLost => "bot: answer lost",
            Self::BotDown => "bot: down for minutes",
            Self::ApiAnswerLost => "API: answer lost",
            Self::WebhookRepeated => "webhook: repeated",
            Self::WebhookDelayed => "webhook: delayed",
            Self::WebhookOvertaken => "webhook: overtaken",
            Self::WebhookAnswerLost => "webhook: answer lost",
            Self::BatchDelayed => "stream: batch delayed",
            Self::BatchRepeated => "stream: batch repeated",
            Self::StreamStopped => "stream: stopped for ten minutes",
            Self::TickLost => "tick: lost",
            Self::TickDoubled => "tick: doubled",
            Self::TickLate => "tick: late",
            Self::BusEntryFails => "bus: entry failed",
            Self::BusAnswerLost => "bus: answer lost",
            Self::Recycled => "process put away",
        }
    }
}

/// The probabilities of one run.
#[derive(Clone, Debug, Default)]
pub struct Weather(BTreeMap<Fault, f64>);

impl Weather {
    /// No faults at all.
    #[must_use]
    pub fn calm() -> Self {
        Self::default()
    }

    /// Draws the weather of a seed: one in twelve is calm, in two a single kind of fault
    /// strikes often, in four a few do, and the others have a mixture of most kinds.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::keyed(seed, "weather");
        let few = match random.below(12) {
            0 => return Self::calm(),
            1 | 2 => Some(1),
            3..=6 => Some(2 + random.below(4)),
            _ => None,
        };
        match few {
            Some(few) => Self::of_few(few, &mut random),
            None => Self::mixed(&mut random),
        }
    }

    fn of_few(few: u64, random: &mut Random) -> Self {
        let mut weather = Self::default();
        for _ in 0..few {
            let place = usize::try_from(random.below(Fault::ALL.len() as u64));
            let drawn = place.ok().and_then(|place| Fault::ALL.get(place));
            if let Some((fault, most)) = drawn {
                weather.0.insert(*fault, most * (0.3 + 0.7 * unit(random)));
            }
        }
        weather
    }

    fn mixed(random: &mut Random) -> Self {
        let mut weather = Self::default();
        let active = 0.1 + 0.6 * unit(random);
        for (fault, most) in Fault::ALL {
            // Small probabilities are as interesting as large ones.
            let share = unit(random).powi(2);
            if random.chance(active) {
                weather.0.insert(fault, most * share);
            }
        }
        weather
    }

    /// These faults and no others, each with a probability.
    #[must_use]
    pub fn only(faults: &[(Fault, f64)]) -> Self {
        Self(faults.iter().copied().collect())
    }

    /// How likely this fault is.
    #[must_use]
    pub fn of(&self, fault: Fault) -> f64 {
        self.0.get(&fault).copied().unwrap_or_default()
    }

    /// Whether none of these can strike.
    #[must_use]
    pub fn is_free_of(&self, faults: &[Fault]) -> bool {
        faults.iter().all(|fault| self.of(*fault) <= 0.0)
    }

    /// The kinds that can strike, with their probabilities.
    pub fn kinds(&self) -> impl Iterator<Item = (Fault, f64)> {
        self.0.iter().map(|(fault, chance)| (*fault, *chance))
    }
}

/// A number from 0 to 1.
pub(super) fn unit(random: &mut Random) -> f64 {
    // 32 bits are exact in an f64.
    f64::from(u32::try_from(random.below(1 << 32)).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}
