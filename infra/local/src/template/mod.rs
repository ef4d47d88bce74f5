//! What `infra/template.yaml` says, as data: the one list of routes, schedules,
//! stream mappings, functions and the table serves AWS and one machine alike.
//!
//! - `yaml` reads the text, with CloudFormation's short tags, into JSON;
//! - `node` walks that JSON and puts the parameters' defaults in place;
//! - `route`, `trigger`, `table` and `function` read their part of it;
//! - `pattern` matches events the way EventBridge and stream filters do.

mod function;
mod node;
mod pattern;
mod route;
mod table;
mod trigger;
mod yaml;

#[cfg(test)]
mod sample_tests;
#[cfg(test)]
mod tests;

pub use function::{FunctionSpec, PolicyStatement};
pub use pattern::Pattern;
pub use route::{Route, RouteMatch};
pub use table::TableDefinition;
pub use trigger::{BusRule, Schedule, StreamMapping};

use node::{Defaults, Node};
use thiserror::Error;

/// The template this binary was built with.
const BUILTIN: &str = include_str!("../../../template.yaml");

/// Why a template could not be read. Paths are the keys from the template's
/// root, joined by dots.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// The text is not YAML, or uses a part of YAML that CloudFormation lacks.
    #[error("the template is not readable YAML: {0}")]
    Yaml(String),
    /// Something is missing or has another form.
    #[error("the template's {path} should be {expected}")]
    Shape {
        /// Where.
        path: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// AWS would accept it, the local hub cannot play it.
    #[error("the template's {path} uses {what}, which the local hub does not know")]
    Unsupported {
        /// Where.
        path: String,
        /// What is used.
        what: String,
    },
}

/// Everything the local hub needs to know of the template. Functions are named
/// by their binary (`send`), not by their logical id (`SendFunction`).
#[derive(Clone, Debug)]
pub struct Template {
    /// The routes of the HTTP API.
    pub routes: Vec<Route>,
    /// What runs at fixed intervals.
    pub schedules: Vec<Schedule>,
    /// What the stack's own bus starts.
    pub bus_rules: Vec<BusRule>,
    /// What reads the table's stream.
    pub streams: Vec<StreamMapping>,
    /// The table.
    pub table: TableDefinition,
    /// The functions, in the order of their names.
    pub functions: Vec<FunctionSpec>,
}

/// The whole template this binary was built with, as CloudFormation's JSON: `!Ref X` is
/// `{"Ref": "X"}`.
///
/// # Errors
/// As [`Template::parse`]; the tests show that there are none.
pub fn builtin_document() -> Result<serde_json::Value, TemplateError> {
    yaml::read(BUILTIN)
}

impl Template {
    /// Reads the template this binary was built with.
    ///
    /// # Errors
    /// As [`Template::parse`]; the tests show that there are none.
    pub fn builtin() -> Result<Self, TemplateError> {
        Self::parse(BUILTIN)
    }

    /// Reads a SAM template. Parameters have their default values.
    ///
    /// # Errors
    /// When the text is not a SAM template, or one that holds what cannot be
    /// played locally, such as a cron schedule.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let document = yaml::read(text)?;
        let defaults = Defaults::of(&document);
        let root = Node::root(&document, &defaults);
        let resources = root.get("Resources")?;

        let mut template = Self {
            routes: Vec::new(),
            schedules: Vec::new(),
            bus_rules: Vec::new(),
            streams: Vec::new(),
            table: table::read(&resources)?,
            functions: Vec::new(),
        };
        for (logical_id, resource) in resources.entries()? {
            if resource.get("Type")?.text()? == "AWS::Serverless::Function" {
                let function = function::read(logical_id, &resource, &root)?;
                template.read_events(&function.name, &resource)?;
                template.functions.push(function);
            }
        }
        template.functions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(template)
    }

    fn read_events(&mut self, function: &str, resource: &Node<'_>) -> Result<(), TemplateError> {
        for (_, event) in resource.get("Properties")?.get("Events")?.entries()? {
            let properties = event.get("Properties")?;
            let kind = event.get("Type")?;
            match kind.text()?.as_str() {
                "HttpApi" => self.routes.push(route::read(function, &properties)?),
                "Schedule" => self
                    .schedules
                    .push(trigger::read_schedule(function, &properties)?),
                "EventBridgeRule" => self
                    .bus_rules
                    .push(trigger::read_bus_rule(function, &properties)?),
                "DynamoDB" => self
                    .streams
                    .push(trigger::read_stream(function, &properties)?),
                other => return Err(kind.unsupported(format!("the event type {other}"))),
            }
        }
        Ok(())
    }

    /// The route that API Gateway's HTTP API would choose for this request, or
    /// nothing where it would answer 404 by itself. `path` comes without query.
    #[must_use]
    pub fn match_route(&self, method: &str, path: &str) -> Option<RouteMatch<'_>> {
        route::choose(&self.routes, method, path)
    }

    /// The function whose binary has this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&FunctionSpec> {
        self.functions.iter().find(|function| function.name == name)
    }
}
