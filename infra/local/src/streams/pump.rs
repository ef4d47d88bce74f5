//! One reader of the stream.

use super::StreamError;
use super::batch::{Batch, Verdict, sequence_number};
use super::position::Position;
use crate::dead_letters::DeadLetters;
use crate::engine::Engine;
use crate::invoke::{Functions, InvokeError};
use crate::template::StreamMapping;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The first wait after a failure; it doubles up to the longest. Lambda's own
/// are not published.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Records that one read of the stream asks for.
const PAGE: usize = 100;

/// A reader: its mapping, and where it has come to.
pub(super) struct Pump {
    pub(super) engine: Engine,
    pub(super) table: String,
    pub(super) mapping: StreamMapping,
    pub(super) functions: Arc<dyn Functions>,
    pub(super) dead_letters: DeadLetters,
    pub(super) position: Position,
    /// Tells others how far it has come, records that no call was needed for
    /// included.
    pub(super) read: watch::Sender<Option<String>>,
    pub(super) stopped: watch::Receiver<bool>,
}

/// What was gathered for one call.
struct Gathered {
    batch: Batch,
    /// The last record looked at; those after the batch's last were not wanted.
    through: Option<String>,
}

impl Pump {
    /// Reads until it is stopped. Failures of the database are waited out: what
    /// comes after a record depends on it.
    pub(super) async fn run(mut self) {
        let mut wait = FIRST_WAIT;
        while !*self.stopped.borrow() {
            match self.step().await {
                Ok(()) => wait = FIRST_WAIT,
                Err(error) => {
                    tracing::error!(%error, function = self.mapping.function, "reading the stream");
                    self.rest(&mut wait).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<(), StreamError> {
        let gathered = self.gather().await?;
        if !gathered.batch.is_empty() && !self.deliver(gathered.batch).await? {
            return Ok(());
        }
        // The position in the file stays at the last call: to look again at
        // records that nobody wants costs nothing but a restart's time.
        if let Some(through) = gathered.through {
            self.read.send_replace(Some(through));
        }
        Ok(())
    }

    /// Reads records until the batch is full, the window over, or, without a
    /// window, nothing more is there. Waits for the first one.
    async fn gather(&mut self) -> Result<Gathered, StreamError> {
        let mut writes = self.engine.writes();
        let mut batch = Batch::default();
        let mut through = self.read.borrow().clone();
        let mut until: Option<Instant> = None;
        loop {
            // Before the read: a write during it wakes the wait below.
            writes.mark_unchanged();
            let page = self
                .engine
                .stream_records(&self.table, through.as_deref(), PAGE)
                .await?;
            let more = page.records.len() == PAGE;
            for record in page.records {
                if batch.is_full(self.mapping.batch_size) {
                    return Ok(Gathered { batch, through });
                }
                let number = sequence_number(&record);
                if self.mapping.wants(&record) {
                    batch.push(&self.table, record);
                }
                through = number.or(through);
            }
            if more {
                continue;
            }
            if !batch.is_empty() {
                let until =
                    *until.get_or_insert_with(|| Instant::now() + self.mapping.batching_window);
                if batch.is_full(self.mapping.batch_size) || Instant::now() >= until {
                    return Ok(Gathered { batch, through });
                }
                tokio::select! {
                    _ = writes.changed() => {}
                    () = tokio::time::sleep_until(until) => {}
                    _ = self.stopped.changed() => {
                        return Ok(Gathered { batch: Batch::default(), through: None });
                    }
                }
                continue;
            }
            if through != *self.read.borrow() {
                return Ok(Gathered { batch, through });
            }
            tokio::select! {
                _ = writes.changed() => {}
                _ = self.stopped.changed() => return Ok(Gathered { batch, through: None }),
            }
        }
    }

    /// Calls the function until the batch is done or given up, in order. Says
    /// false where it was stopped before that.
    async fn deliver(&mut self, batch: Batch) -> Result<bool, StreamError> {
        let mut parts = vec![batch];
        let mut wait = FIRST_WAIT;
        while let Some(mut part) = parts.pop() {
            let Some((verdict, reason)) = self.call(&part).await else {
                parts.push(part);
                self.rest(&mut wait).await;
                if *self.stopped.borrow() {
                    return Ok(false);
                }
                continue;
            };
            match verdict {
                Verdict::Done => {
                    self.advance(&part).await?;
                    wait = FIRST_WAIT;
                    continue;
                }
                Verdict::From(place) if place > 0 => {
                    let (done, rest) = part.split(place);
                    self.advance(&done).await?;
                    parts.push(rest);
                    wait = FIRST_WAIT;
                }
                // Splitting does not count as a try. Source: Lambda API
                // reference, `BisectBatchOnFunctionError`.
                Verdict::Failed if self.mapping.bisects_on_error && part.len() > 1 => {
                    let middle = part.len() / 2;
                    let (first, second) = part.split(middle);
                    parts.push(second);
                    parts.push(first);
                }
                Verdict::From(_) | Verdict::Failed => {
                    part.tries += 1;
                    if part.tries > self.mapping.maximum_retry_attempts {
                        self.dead_letters.add(
                            &self.mapping.function,
                            &reason,
                            &part.description(&self.table),
                        );
                        self.advance(&part).await?;
                        wait = FIRST_WAIT;
                        continue;
                    }
                    parts.push(part);
                }
            }
            self.rest(&mut wait).await;
            if *self.stopped.borrow() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Calls the function once. Nothing comes of a call that was not let in:
    /// that is not a try.
    async fn call(&self, batch: &Batch) -> Option<(Verdict, String)> {
        let called = self
            .functions
            .invoke(&self.mapping.function, batch.event())
            .await;
        match called {
            Ok(answer) => {
                let verdict = batch.judge(&answer, self.mapping.reports_item_failures);
                Some((verdict, "the function reported the record".to_owned()))
            }
            Err(InvokeError::Throttled) => None,
            Err(error) => {
                tracing::warn!(
                    %error,
                    function = self.mapping.function,
                    records = batch.len(),
                    "a batch of the stream failed"
                );
                Some((Verdict::Failed, error.to_string()))
            }
        }
    }

    async fn advance(&mut self, done: &Batch) -> Result<(), StreamError> {
        if let Some(last) = done.last() {
            self.position.save(last.clone()).await?;
            self.read.send_replace(Some(last));
        }
        Ok(())
    }

    /// Waits, and doubles the next wait.
    async fn rest(&mut self, wait: &mut Duration) {
        tokio::select! {
            () = tokio::time::sleep(*wait) => {}
            _ = self.stopped.changed() => {}
        }
        *wait = (*wait * 2).min(LONGEST_WAIT);
    }
}
