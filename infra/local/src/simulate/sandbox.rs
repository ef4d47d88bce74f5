//! A sandbox: one process of a function, with a clock and chances of its own. It stands
//! still between calls, as on Lambda, and once killed nothing of it ever leaves again.

use super::stage::{Stage, locked};
use super::weather::Fault;
use baton_domain::Timestamp;
use baton_hub::World;
use baton_simulators::random::Random;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// How far a sandbox's clock may be off, in ms; the sweep allows for 500 between two.
const SKEW: u64 = 240;

/// What a sandbox may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A call is being made.
    Running,
    /// It waits for the next call, and its threads with it.
    Frozen,
    /// It is no more.
    Dead,
}

/// One process.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) name: String,
    pub(super) stage: Arc<Stage>,
    skew: i64,
    /// The process's own chances.
    own: Mutex<Random>,
    /// What befalls it.
    fate: Mutex<Random>,
    state: watch::Sender<State>,
}

impl World for Sandbox {
    fn now(&self) -> Timestamp {
        self.stage.now().plus(self.skew)
    }

    fn random(&self, buffer: &mut [u8]) {
        let mut own = locked(&self.own);
        for chunk in buffer.chunks_mut(8) {
            let bytes = own.next_u64().to_be_bytes();
            for (to, from) in chunk.iter_mut().zip(bytes) {
                *to = from;
            }
        }
    }
}

impl Sandbox {
    pub(super) fn new(stage: &Arc<Stage>, name: String) -> Arc<Self> {
        let mut fate = stage.random(&format!("fate of {name}"));
        let skew = i64::try_from(fate.below(2 * SKEW + 1)).unwrap_or_default();
        let skew = skew - i64::try_from(SKEW).unwrap_or_default();
        Arc::new(Self {
            skew,
            own: Mutex::new(stage.random(&format!("chances of {name}"))),
            fate: Mutex::new(fate),
            state: watch::channel(State::Frozen).0,
            stage: stage.clone(),
            name,
        })
    }

    /// Goes on once a call is being made; never, if it is dead.
    pub(super) async fn runs(&self) {
        let mut state = self.state.subscribe();
        // The sender is ours, so this ends only when it runs.
        let _running = state.wait_for(|state| *state == State::Running).await;
    }

    pub(super) fn thaw(&self) {
        self.turn(State::Running);
    }

    pub(super) fn freeze(&self) {
        self.turn(State::Frozen);
    }

    fn turn(&self, to: State) {
        self.state.send_if_modified(|state| {
            let changes = *state != State::Dead && *state != to;
            if changes {
                *state = to;
            }
            changes
        });
    }

    pub(super) fn kill(&self) {
        self.state.send_replace(State::Dead);
    }

    pub(super) fn is_dead(&self) -> bool {
        *self.state.borrow() == State::Dead
    }

    /// Goes on once it is dead.
    pub(super) async fn dies(&self) {
        let mut state = self.state.subscribe();
        let _dead = state.wait_for(|state| *state == State::Dead).await;
    }

    /// Whether a fault strikes this process now.
    pub(super) fn is_struck(&self, fault: Fault) -> bool {
        self.stage.strikes(fault, &mut locked(&self.fate))
    }

    /// A random number below `limit`, of its fate.
    pub(super) fn below(&self, limit: u64) -> u64 {
        locked(&self.fate).below(limit)
    }

    /// A point at which it may be killed: then it never goes on from here.
    pub(super) async fn may_die(&self, fault: Fault, what: impl FnOnce() -> String) {
        if self.is_struck(fault) {
            self.stage.note(&self.name, || format!("KILLED {}", what()));
            self.kill();
        }
        self.runs().await;
    }
}
