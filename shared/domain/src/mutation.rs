//! Mutations: the safeguards that the promises rest on, each with a switch that takes it
//! away, so that the simulation can show that it would notice. Only a build for tests has
//! the switches; elsewhere every one of them is the constant `false`.

/// A safeguard that can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// An append succeeds although its place is taken.
    AppendCondition,
    /// One's own entry is not recognised when its answer was lost.
    CommandId,
    /// A platform event counts as often as it comes.
    Deduplication,
    /// A request may carry an old epoch.
    EpochCheck,
    /// A claim on outbound work keeps nobody else away.
    Claim,
    /// An entry does not arm its thread.
    ArmingInCommit,
    /// A thread that was woken early is not armed again.
    LazyRearming,
    /// A checkpoint is written whatever stands there.
    CheckpointCondition,
    /// What was written before an erasure is taken in when it comes again.
    Tombstone,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::AppendCondition,
        Self::CommandId,
        Self::Deduplication,
        Self::EpochCheck,
        Self::Claim,
        Self::ArmingInCommit,
        Self::LazyRearming,
        Self::CheckpointCondition,
        Self::Tombstone,
    ];

    /// Whether this safeguard is gone, on this thread.
    #[cfg(feature = "mutations")]
    #[must_use]
    pub fn is_on(self) -> bool {
        switch::ON.get() == Some(self)
    }

    /// Whether this safeguard is gone: never, in a build without the switches.
    #[cfg(not(feature = "mutations"))]
    #[must_use]
    #[inline(always)]
    pub const fn is_on(self) -> bool {
        false
    }

    /// Takes one safeguard away from this thread, or gives all back.
    #[cfg(feature = "mutations")]
    pub fn switch(mutation: Option<Self>) {
        switch::ON.set(mutation);
    }
}

#[cfg(feature = "mutations")]
mod switch {
    use super::Mutation;
    use std::cell::Cell;

    #[cfg(not(debug_assertions))]
    compile_error!("the feature `mutations` is for tests and must not be in a release");

    thread_local! {
        pub(super) static ON: Cell<Option<Mutation>> = const { Cell::new(None) };
    }
}
