//! Runs of the simulation, as the tests want them.

use baton_local::simulate::{Outcome, Telling, Weather, run, run_in};
use baton_local::template::Template;
use std::error::Error;
use std::sync::Arc;

/// Seeds over the built-in template.
#[derive(Clone, Debug)]
pub struct Player(Arc<Template>);

impl Player {
    /// Reads the template.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self(Arc::new(Template::builtin()?)))
    }

    /// Plays a seed.
    ///
    /// # Errors
    /// When it cannot be made at all.
    pub fn play(&self, seed: u64, telling: Telling) -> Result<Outcome, Box<dyn Error>> {
        Ok(run(seed, &self.0, telling)?)
    }

    /// Plays a seed in another weather than its own.
    ///
    /// # Errors
    /// When it cannot be made at all.
    pub fn play_in(&self, weather: Weather, seed: u64) -> Result<Outcome, Box<dyn Error>> {
        Ok(run_in(weather, seed, &self.0, Telling::default())?)
    }
}
