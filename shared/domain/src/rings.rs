//! Short memories: the last platform events and idempotency keys of a thread, as
//! fingerprints. What they had to drop is known by its time, so that a doubtful
//! id is looked up in the log and never guessed.

use crate::event::KeyUse;
use crate::ids::{Fingerprint, Place};
use crate::time::{HOUR, Timestamp};

/// How many platform ids a thread keeps in its checkpoint: 168 bytes, times included.
/// What comes in order is new even when older ids had to be dropped.
pub const SEEN_KEPT: usize = 14;
/// How many idempotency keys: 176 bytes. More of them within 24 h cost a look at the
/// log each, which is cheaper than a checkpoint above one kilobyte.
pub const KEYS_KEPT: usize = 8;
/// How long a key holds.
pub const KEY_LIFE: i64 = 24 * HOUR;

/// The platform ids seen last, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenIds {
    ids: Vec<Fingerprint>,
    /// The newest platform time among the dropped.
    dropped_until: Option<Timestamp>,
    /// Times of the kept, beside `ids`, in seconds, rounded up.
    times: Vec<u32>,
}

/// Whether an id was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Certainly not.
    New,
    /// Certainly.
    Before,
    /// Perhaps: older than what is remembered. The log knows.
    LookUp,
}

fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.seconds_up().max(0)).unwrap_or(u32::MAX)
}

impl SeenIds {
    /// Remembers an id of a platform event at this platform time.
    pub fn remember(&mut self, id: Fingerprint, at: Timestamp) {
        if self.ids.contains(&id) {
            return;
        }
        self.ids.push(id);
        self.times.push(seconds(at));
        if self.ids.len() > SEEN_KEPT {
            self.ids.remove(0);
            let dropped = Timestamp(i64::from(self.times.remove(0)) * 1_000);
            self.dropped_until = Some(
                self.dropped_until
                    .map_or(dropped, |until| until.max(dropped)),
            );
        }
    }

    /// Whether this id was seen before.
    #[must_use]
    pub fn verdict(&self, id: Fingerprint, at: Timestamp) -> Seen {
        if self.ids.contains(&id) {
            Seen::Before
        } else if self.dropped_until.is_some_and(|until| at <= until) {
            Seen::LookUp
        } else {
            Seen::New
        }
    }

    /// Whether this id is among the kept.
    #[must_use]
    pub fn contains(&self, id: Fingerprint) -> bool {
        self.ids.contains(&id)
    }

    /// The stored form: 8 bytes of dropped time, then 12 bytes an id.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self
            .dropped_until
            .map_or(0, |at| at.0)
            .to_be_bytes()
            .to_vec();
        for (id, time) in self.ids.iter().zip(&self.times) {
            bytes.extend_from_slice(&id.0);
            bytes.extend_from_slice(&time.to_be_bytes());
        }
        bytes
    }

    /// Reads the stored form; a torn tail is ignored.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let Some((dropped, rest)) = bytes.split_first_chunk::<8>() else {
            return Self::default();
        };
        let dropped = i64::from_be_bytes(*dropped);
        let mut seen = Self {
            dropped_until: (dropped != 0).then_some(Timestamp(dropped)),
            ..Self::default()
        };
        for record in rest.as_chunks::<12>().0 {
            let Some((id, time)) = record.split_first_chunk::<8>() else {
                continue;
            };
            let Some(time) = time.first_chunk::<4>() else {
                continue;
            };
            seen.ids.push(Fingerprint(*id));
            seen.times.push(u32::from_be_bytes(*time));
        }
        seen
    }
}

/// The idempotency keys used last, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsedKeys {
    keys: Vec<UsedKey>,
    /// The newest append time among the dropped.
    dropped_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct UsedKey {
    key: Fingerprint,
    /// The beginning of the body's fingerprint: enough to tell two bodies apart that
    /// came with one key.
    body: [u8; 4],
    /// Seconds, rounded up.
    at: u32,
    place: Place,
}

fn beginning(print: &Fingerprint) -> [u8; 4] {
    let [a, b, c, d, ..] = print.0;
    [a, b, c, d]
}

/// What is known of an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyVerdict {
    /// Not used in the last 24 h.
    New,
    /// Used for the same body: this is what it made.
    Repeated(Place),
    /// Used for another body.
    OtherBody,
    /// Perhaps used: it may be among the dropped. The log knows.
    LookUp,
}

impl UsedKeys {
    /// Remembers a key's use.
    pub fn remember(&mut self, key: KeyUse, at: Timestamp, place: Place) {
        self.keys.push(UsedKey {
            key: key.key,
            body: beginning(&key.body),
            at: seconds(at),
            place,
        });
        if self.keys.len() > KEYS_KEPT {
            let dropped = self.keys.remove(0).at;
            self.dropped_until = Some(Timestamp(i64::from(dropped) * 1_000));
        }
    }

    /// What is known of this key at `now`.
    #[must_use]
    pub fn verdict(&self, key: &KeyUse, now: Timestamp) -> KeyVerdict {
        let alive = |seconds: u32| now.since(Timestamp(i64::from(seconds) * 1_000)) < KEY_LIFE;
        let found = self
            .keys
            .iter()
            .rev()
            .find(|used| used.key == key.key && alive(used.at));
        match found {
            Some(used) if used.body == beginning(&key.body) => KeyVerdict::Repeated(used.place),
            Some(_) => KeyVerdict::OtherBody,
            None if self
                .dropped_until
                .is_some_and(|at| now.since(at) < KEY_LIFE) =>
            {
                KeyVerdict::LookUp
            }
            None => KeyVerdict::New,
        }
    }

    /// The stored form: 8 bytes of dropped time, then 22 bytes a key.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self
            .dropped_until
            .map_or(0, |at| at.0)
            .to_be_bytes()
            .to_vec();
        for UsedKey {
            key,
            body,
            at,
            place,
        } in &self.keys
        {
            bytes.extend_from_slice(&key.0);
            bytes.extend_from_slice(body);
            bytes.extend_from_slice(&at.to_be_bytes());
            bytes.extend_from_slice(&u32::try_from(place.0).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(&u16::try_from(place.1).unwrap_or(u16::MAX).to_be_bytes());
        }
        bytes
    }

    /// Reads the stored form; a torn tail is ignored.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let Some((dropped, rest)) = bytes.split_first_chunk::<8>() else {
            return Self::default();
        };
        let dropped = i64::from_be_bytes(*dropped);
        let mut used = Self {
            dropped_until: (dropped != 0).then_some(Timestamp(dropped)),
            ..Self::default()
        };
        for record in rest.as_chunks::<22>().0 {
            let [
                k1,
                k2,
                k3,
                k4,
                k5,
                k6,
                k7,
                k8,
                b1,
                b2,
                b3,
                b4,
                a1,
                a2,
                a3,
                a4,
                s1,
                s2,
                s3,
                s4,
                i1,
                i2,
            ] = *record;
            let seq = u32::from_be_bytes([s1, s2, s3, s4]);
            used.keys.push(UsedKey {
                key: Fingerprint([k1, k2, k3, k4, k5, k6, k7, k8]),
                body: [b1, b2, b3, b4],
                at: u32::from_be_bytes([a1, a2, a3, a4]),
                place: Place(u64::from(seq), u32::from(u16::from_be_bytes([i1, i2]))),
            });
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(n: u64) -> Fingerprint {
        Fingerprint(n.to_be_bytes())
    }

    #[test]
    fn what_was_dropped_is_looked_up_not_guessed() {
        let mut seen = SeenIds::default();
        for n in 0..40 {
            seen.remember(print(n), Timestamp(1_000_000 + n as i64 * 1_000));
        }
        assert_eq!(seen.verdict(print(39), Timestamp(1_039_000)), Seen::Before);
        assert_eq!(seen.verdict(print(3), Timestamp(1_003_000)), Seen::LookUp);
        assert_eq!(seen.verdict(print(99), Timestamp(1_050_000)), Seen::New);
        assert_eq!(SeenIds::from_bytes(&seen.to_bytes()), seen);
    }

    #[test]
    fn a_key_holds_for_a_day_and_for_one_body() {
        let mut used = UsedKeys::default();
        let key = KeyUse {
            key: print(1),
            body: print(2 << 40),
        };
        used.remember(key, Timestamp(5_000), Place(7, 1));
        assert_eq!(
            used.verdict(&key, Timestamp(6_000)),
            KeyVerdict::Repeated(Place(7, 1))
        );
        let other = KeyUse {
            body: print(3 << 40),
            ..key
        };
        assert_eq!(
            used.verdict(&other, Timestamp(6_000)),
            KeyVerdict::OtherBody
        );
        assert_eq!(
            used.verdict(&key, Timestamp(5_000 + KEY_LIFE)),
            KeyVerdict::New
        );
        for n in 10..30 {
            used.remember(
                KeyUse {
                    key: print(n),
                    body: print(n),
                },
                Timestamp(9_000),
                Place(n, 0),
            );
        }
        assert_eq!(used.verdict(&key, Timestamp(10_000)), KeyVerdict::LookUp);
        assert_eq!(UsedKeys::from_bytes(&used.to_bytes()), used);
    }
}
