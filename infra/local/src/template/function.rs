//! The functions: their limits, settings and rights.

#[cfg(test)]
mod tests;

use super::TemplateError;
use super::node::Node;
use std::collections::BTreeMap;
use std::time::Duration;

/// One Lambda function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSpec {
    /// The binary's name: the last folder of `CodeUri`, where cargo-lambda puts
    /// the binary of that name.
    pub name: String,
    /// The resource's name in the template.
    pub logical_id: String,
    /// Memory in MB.
    pub memory_mb: u32,
    /// How long a call may take.
    pub timeout: Duration,
    /// How many calls run at once at most, where that is reserved by default.
    pub reserved_concurrency: Option<u32>,
    /// Environment variables, with their values where those are known before
    /// deployment: a limit is, a table's name is not.
    pub environment: BTreeMap<String, Option<String>>,
    /// What the function may do.
    pub policy: Vec<PolicyStatement>,
}

/// One statement of what a function may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyStatement {
    /// Such as `dynamodb:PutItem`.
    pub actions: Vec<String>,
    /// Resources by logical id and attribute: `Table.Arn`,
    /// `Table.Arn/index/due`, `Secret`.
    pub resources: Vec<String>,
}

impl FunctionSpec {
    /// Whether the function may do `action` (`dynamodb:Query`) on `resource`
    /// (`Table.Arn/index/due`). Both must be written out in one statement.
    #[must_use]
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        self.policy.iter().any(|statement| {
            statement.actions.iter().any(|allowed| allowed == action)
                && statement
                    .resources
                    .iter()
                    .any(|allowed| allowed == resource)
        })
    }
}

/// Reads a function, the settings it shares with all others, and its role.
pub(super) fn read(
    logical_id: &str,
    resource: &Node<'_>,
    root: &Node<'_>,
) -> Result<FunctionSpec, TemplateError> {
    let globals = root.get("Globals")?.get("Function")?;
    let own = resource.get("Properties")?;
    let setting = |key: &str| own.find(key).map_or_else(|| globals.get(key), Ok);

    let mut environment = BTreeMap::new();
    for place in [&globals, &own] {
        if let Some(settings) = place.find("Environment") {
            for (key, value) in settings.get("Variables")?.entries()? {
                environment.insert(key.to_owned(), value.evaluated());
            }
        }
    }
    Ok(FunctionSpec {
        name: binary(&own.get("CodeUri")?)?,
        logical_id: logical_id.to_owned(),
        memory_mb: setting("MemorySize")?.number()?,
        timeout: setting("Timeout")?.seconds()?,
        reserved_concurrency: own
            .find("ReservedConcurrentExecutions")
            .filter(|reserved| reserved.evaluated().is_some())
            .map(|reserved| reserved.number())
            .transpose()?,
        environment,
        policy: policy(&own.get("Role")?, root)?,
    })
}

fn binary(code: &Node<'_>) -> Result<String, TemplateError> {
    let path = code.text()?;
    path.trim_end_matches('/')
        .strip_prefix("../target/lambda/")
        .filter(|name| !name.is_empty() && !name.contains('/'))
        .map(str::to_owned)
        .ok_or_else(|| code.shape("../target/lambda/<binary>/"))
}

fn policy(role: &Node<'_>, root: &Node<'_>) -> Result<Vec<PolicyStatement>, TemplateError> {
    let reference = role.reference()?;
    let name = reference
        .strip_suffix(".Arn")
        .ok_or_else(|| role.shape("!GetAtt <role>.Arn"))?;
    let role = root.get("Resources")?.get(name)?.get("Properties")?;
    if let Some(managed) = role.find("ManagedPolicyArns") {
        return Err(managed.unsupported("a managed policy"));
    }
    let mut statements = Vec::new();
    for policy in role.get("Policies")?.items() {
        for statement in policy.get("PolicyDocument")?.get("Statement")?.items() {
            let references = |key: &str| -> Result<Vec<String>, TemplateError> {
                statement
                    .get(key)?
                    .items()
                    .iter()
                    .map(Node::reference)
                    .collect()
            };
            if statement.get("Effect")?.text()? != "Allow" {
                return Err(statement.unsupported("a statement that denies"));
            }
            statements.push(PolicyStatement {
                actions: references("Action")?,
                resources: references("Resource")?,
            });
        }
    }
    Ok(statements)
}
