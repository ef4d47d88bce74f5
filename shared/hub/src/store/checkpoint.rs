//! A thread's checkpoint: the state, and the time of the next look. Two halves, each
//! written only where it is not behind what stands. And taking the arming off an
//! entry, once the checkpoint has it.

use super::Store;
use super::codec::{CHECKPOINT_SK, SEQ, entry_sk, state_attributes};
use super::direct::shapes::Request;
use super::error::StoreError;
use super::item::{DUE, DUE_SHARD, Item, SCHEMA, TTL, n, s, shard_of};
use super::units::Mechanism;
use baton_domain::time::DAY;
use baton_domain::{Mutation, Thread, ThreadId, Timestamp};

impl Store {
    /// Writes the state half of the checkpoint, if it is newer than what is there.
    ///
    /// # Errors
    /// When the table cannot be written. That the state there is newer is no error.
    pub async fn checkpoint(
        &self,
        id: &ThreadId,
        thread: &Thread,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let attributes = state_attributes(thread, checkpoint_ttl(expires))?;
        let (names, values, sets) = assignments(attributes);
        self.update_checkpoint(
            id,
            Mechanism::Checkpoint,
            format!("SET {sets}"),
            (!Mutation::CheckpointCondition.is_on()).then(|| {
                "(attribute_not_exists(#s) OR #s < :s) AND (attribute_not_exists(#v) OR #v <= :v)"
                    .to_owned()
            }),
            names,
            values,
        )
        .await
        .map(|_| ())
    }

    /// Puts the time of the next look on the checkpoint, if it still has the time
    /// that was read; `None` takes it off. With the state, where that is not older
    /// than the one there. Returns whether the time was put.
    ///
    /// A wake passes the state also where nothing was appended since the checkpoint:
    /// it is the same write, and it keeps the checkpoint of a thread that is open but
    /// silent from expiring before its next look.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn rearm(
        &self,
        id: &ThreadId,
        read: Option<i64>,
        next: Option<Timestamp>,
        state: Option<(&Thread, Timestamp)>,
    ) -> Result<bool, StoreError> {
        if let Some((thread, expires)) = state {
            let attributes =
                state_attributes(thread, checkpoint_ttl(expires.max(next.unwrap_or(expires))))?;
            let (names, values, sets) = assignments(attributes);
            let condition =
                "(attribute_not_exists(#s) OR #s <= :s) AND (attribute_not_exists(#v) OR #v <= :v)";
            if self
                .try_rearm(id, read, next, Some((names, values, sets, condition)))
                .await?
            {
                return Ok(true);
            }
        }
        if read.is_none() && next.is_none() {
            // Nothing armed, nothing to arm: an update would make an empty item.
            return Ok(true);
        }
        // One of the two halves has moved; the time alone may still be ours.
        self.try_rearm(id, read, next, None).await
    }

    async fn try_rearm(
        &self,
        id: &ThreadId,
        read: Option<i64>,
        next: Option<Timestamp>,
        state: Option<(Names, Item, String, &str)>,
    ) -> Result<bool, StoreError> {
        let (mut names, mut values, mut sets, also) = match state {
            Some((names, values, sets, condition)) => {
                (names, values, vec![sets], format!(" AND {condition}"))
            }
            None => (Names::new(), Item::new(), Vec::new(), String::new()),
        };
        names.push(("#due".to_owned(), DUE.to_owned()));
        let free = Mutation::CheckpointCondition.is_on();
        let condition = match read {
            _ if free => None,
            Some(read) => {
                values.insert(":read".to_owned(), n(read));
                Some(format!("#due = :read{also}"))
            }
            None => Some(format!("attribute_not_exists(#due){also}")),
        };
        let mut expression = String::new();
        match next {
            Some(next) => {
                names.push(("#ds".to_owned(), DUE_SHARD.to_owned()));
                values.insert(":next".to_owned(), n(next.seconds_up()));
                values.insert(":ds".to_owned(), s(shard_of(id.as_str())));
                sets.push("#due = :next, #ds = :ds".to_owned());
                if also.is_empty() {
                    // A checkpoint that is only a time must not expire before it.
                    names.push(("#ttl".to_owned(), TTL.to_owned()));
                    values.insert(":ttl".to_owned(), n(checkpoint_ttl(next)));
                    sets.push("#ttl = if_not_exists(#ttl, :ttl)".to_owned());
                }
                expression.push_str(&format!("SET {}", sets.join(", ")));
            }
            None => {
                names.push(("#ds".to_owned(), DUE_SHARD.to_owned()));
                if !sets.is_empty() {
                    expression.push_str(&format!("SET {} ", sets.join(", ")));
                }
                expression.push_str("REMOVE #due, #ds");
            }
        }
        self.update_checkpoint(id, Mechanism::Wake, expression, condition, names, values)
            .await
    }

    async fn update_checkpoint(
        &self,
        id: &ThreadId,
        mechanism: Mechanism,
        expression: String,
        condition: Option<String>,
        names: Names,
        values: Item,
    ) -> Result<bool, StoreError> {
        let key = (id.as_str(), CHECKPOINT_SK);
        let mut request = Request::update(&self.table, key, expression);
        if let Some(condition) = condition {
            request = request.only_if(condition);
        }
        for (name, attribute) in names {
            request = request.name(name, attribute);
        }
        for (name, value) in values {
            request = request.value(name, value);
        }
        self.done(mechanism, &request).await
    }

    /// Takes the arming off an entry, if it is still what was read.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn disarm(&self, id: &ThreadId, seq: u64) -> Result<bool, StoreError> {
        let sk = entry_sk(seq);
        let request = Request::update(&self.table, (id.as_str(), &sk), "REMOVE #due, #ds")
            .only_if("attribute_exists(#due)")
            .name("#due", DUE)
            .name("#ds", DUE_SHARD);
        self.done(Mechanism::Wake, &request).await
    }
}

type Names = Vec<(String, String)>;

/// A checkpoint outlives the last entry it covers by seven days.
fn checkpoint_ttl(expires: Timestamp) -> i64 {
    expires.plus(7 * DAY).seconds_up()
}

fn assignments(attributes: Item) -> (Names, Item, String) {
    let mut names = Names::new();
    let mut values = Item::new();
    let mut sets = Vec::new();
    for (name, value) in attributes {
        sets.push(format!("#{name} = :{name}"));
        names.push((format!("#{name}"), name.clone()));
        values.insert(format!(":{name}"), value);
    }
    debug_assert!(
        values.contains_key(&format!(":{SEQ}")) && values.contains_key(&format!(":{SCHEMA}"))
    );
    sets.sort();
    (names, values, sets.join(", "))
}
