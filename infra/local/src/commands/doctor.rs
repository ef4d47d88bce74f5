//! `baton doctor`.

use super::reach::{PlaceArguments, Refusal, down};
use crate::place::Operator;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use baton_hub::Core;
use baton_hub::calls::Calls;
use baton_hub::doctor::{Doctor, Finding, Report, Severity};
use baton_hub::telling::Teller;
use std::fmt::Write as _;

/// What a hub is asked by this command.
pub(super) fn routes() -> Router<Operator> {
    Router::new().route("/doctor", get(examine))
}

async fn examine(State(core): State<Core>) -> Result<Json<Report>, Refusal> {
    // Its own client: what it learns of slow receivers is nobody else's business.
    let calls = Calls::new(core.clock.clone(), 0).map_err(down)?;
    let doctor = Doctor {
        core,
        teller: Teller::new(calls.clone()),
        calls,
    };
    Ok(Json(doctor.examine(true).await))
}

/// The command.
pub(super) async fn run(place: &PlaceArguments, json: bool) -> Result<(), String> {
    let hub = place.reach(false).await?;
    let report: Report = hub.json("GET", "/doctor", None).await?;
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
