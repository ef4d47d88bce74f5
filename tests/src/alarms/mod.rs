//! The template's alarms, evaluated the way CloudWatch does: against the metrics that the
//! functions' log lines make, or against series that somebody writes down.
//!
//! | module | subject |
//! |---|---|
//! | `definition` | an alarm as the template has it, and whether it rings |
//! | `expression` | metric math, as far as the template uses it |
//! | `series` | numbers with their times; log lines as metrics |

mod definition;
mod expression;
mod series;

pub use definition::{Alarm, State, alarms};
pub use series::{MetricId, Series};
