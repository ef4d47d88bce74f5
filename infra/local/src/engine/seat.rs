//! On which thread the database works.

use super::EngineError;
use super::store::Store;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// The database's place. It has one connection, so calls queue either way.
pub(super) enum Seat {
    /// On the caller's thread: for memory, where nothing waits for a disk.
    Inline(Box<Mutex<Store>>),
    /// On a thread of its own: for files. Handing a call over took 6 to 8
    /// microseconds where `spawn_blocking` took 14 to 25, and needs no thread
    /// for every call that waits.
    Thread {
        jobs: Option<mpsc::Sender<Job>>,
        thread: Option<JoinHandle<()>>,
    },
}

impl Seat {
    pub(super) fn inline(store: Store) -> Self {
        Self::Inline(Box::new(Mutex::new(store)))
    }

    pub(super) fn thread(mut store: Store) -> Result<Self, EngineError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new()
            .name("database".to_owned())
            .spawn(move || {
                for job in queue {
                    // A panic costs the one call, whose answer channel closes.
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        job(&mut store);
                    }));
                    if outcome.is_err() {
                        store.abandon_transaction();
                    }
                }
            })
            .map_err(|error| EngineError::Database(error.to_string()))?;
        Ok(Self::Thread {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Runs `work` on the database and gives its result.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        match self {
            Self::Inline(store) => {
                // A poisoned lock means that a call panicked; the database has
                // rolled back by itself or does so now.
                let mut store = store.lock().unwrap_or_else(|poisoned| {
                    let mut store = PoisonError::into_inner(poisoned);
                    store.abandon_transaction();
                    store
                });
                Ok(work(&mut store))
            }
            Self::Thread { jobs, .. } => {
                let (answer, answered) = oneshot::channel();
                let job: Job = Box::new(move |store| {
                    // Nobody waits any more: the caller was cancelled.
                    let _ = answer.send(work(store));
                });
                jobs.as_ref()
                    .and_then(|jobs| jobs.send(job).ok())
                    .ok_or(EngineError::Stopped)?;
                answered.await.map_err(|_| EngineError::Stopped)
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Self::Thread { jobs, thread } = self {
            *jobs = None;
            // The thread finishes what is queued. It may itself hold the last
            // handle; then it ends on its own.
            if let Some(thread) = thread.take()
                && thread.thread().id() != std::thread::current().id()
                && thread.join().is_err()
            {
                tracing::error!("the database's thread ended by a panic");
            }
        }
    }
}
