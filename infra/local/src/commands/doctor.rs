//! `baton doctor`.

use super::operator;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use baton_hub::Core;
use baton_hub::calls::Calls;
use baton_hub::doctor::{Doctor, Finding, Report, Severity};
use baton_hub::telling::Teller;
use std::fmt::Write as _;
use std::path::Path;

/// What a hub is asked by this command.
pub(super) fn routes<Asked>() -> Router<Asked>
where
    Asked: Clone + Send + Sync + 'static,
    Core: FromRef<Asked>,
{
    Router::new().route("/doctor", get(examine))
}

async fn examine(State(core): State<Core>) -> Result<Json<Report>, StatusCode> {
    // Its own client: what it learns of slow receivers is nobody else's business.
    let calls = Calls::new(core.clock.clone(), 0);
    let calls = calls.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let doctor = Doctor {
        core,
        teller: Teller::new(calls.clone()),
        calls,
    };
    Ok(Json(doctor.examine(true).await))
}

/// The command.
pub(super) async fn run(folder: &Path, json: bool) -> Result<(), String> {
    let answer = operator::ask(folder, "GET", "/doctor", None).await;
    let text = match answer {
        Some(Ok((200, text))) => text,
        Some(Ok((status, _))) => return Err(format!("the running hub answered {status}")),
        Some(Err(error)) => return Err(error),
        None => {
            return Err(format!(
                "no hub runs on {}: start it, or name its folder with --data",
                folder.display()
            ));
        }
    };
    let report: Report = serde_json::from_str(&text)
        .map_err(|error| format!("the running hub's answer: {error}"))?;
    if json {
        let pretty = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        super::say(&format!("{pretty}\n"));
    } else {
        super::say(&rendered(&report));
    }
    match report.count(Severity::Error) {
        0 => Ok(()),
        1 => Err("1 error was found".to_owned()),
        more => Err(format!("{more} errors were found")),
    }
}

fn rendered(report: &Report) -> String {
    let mut text = String::new();
    section(&mut text, "the hub", &report.hub);
    for connection in &report.connections {
        let title = format!("{} ({})", connection.id, connection.platform);
        section(&mut text, &title, &connection.findings);
    }
    text
}

fn section(text: &mut String, title: &str, findings: &[Finding]) {
    // Writing to a text cannot fail.
    let _ = if findings.is_empty() {
        writeln!(text, "{title}: all is well")
    } else {
        writeln!(text, "{title}:")
    };
    for finding in findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let code = serde_json::to_value(finding.code).unwrap_or_default();
        let code = code.as_str().unwrap_or_default();
        let _ = writeln!(text, "  {severity}: {} [{code}]", finding.what);
        let _ = writeln!(text, "    {}", finding.advice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_hub::doctor::{Code, ConnectionReport};

    #[test]
    fn findings_are_shown_with_what_to_do() {
        let report = Report {
            hub: Vec::new(),
            connections: vec![ConnectionReport {
                id: "shop-chat".to_owned(),
                platform: "gladly".to_owned(),
                findings: vec![Finding::error(Code::BotSilent, "It is silent", "Wake it")],
            }],
        };
        let shown = "the hub: all is well\nshop-chat (gladly):\n  error: It is silent [bot_silent]\n    Wake it\n";
        assert_eq!(rendered(&report), shown);
    }
}
