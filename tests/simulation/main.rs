//! The simulation of the whole hub: a sample of seeds, that they replay, and that it
//! notices when a safeguard is taken away. `baton simulate` plays as many as one likes.

mod mutations;
mod sample;

use baton_local::simulate::{Outcome, Telling, run};
use baton_local::template::Template;
use std::sync::Arc;

fn template() -> Arc<Template> {
    Arc::new(Template::builtin().expect("it is read"))
}

fn play(seed: u64, template: &Arc<Template>, telling: Telling) -> Outcome {
    run(seed, template, telling).expect("it can be made")
}
