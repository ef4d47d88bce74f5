//! The simulation of the whole hub: a sample of seeds, that they replay, and that it
//! notices when a safeguard is taken away. `baton simulate` plays as many as one likes.

mod checkpoint;
mod mutations;
mod sample;
