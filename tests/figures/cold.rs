//! What a start takes: user and system time from the start of the process until it
//! sleeps, having asked for its first event; and its memory then. All programs take
//! turns, so that what else the machine does falls on all alike.

use crate::accounting::{cpu_ms, median, peak_memory_mb};
use crate::stand::{BARE, Stand, Variant};
use crate::table::Row;
use baton_tests::scene::Failed;

/// Starts of each program.
const STARTS: usize = 101;
/// How many times the bare function's CPU a start may take: with the client of the table
/// alone, and where EventBridge or the client for platforms is linked.
const ONE_CLIENT: f64 = 2.2;
const TWO_CLIENTS: f64 = 3.0;
/// What memory may be taken, in MB, likewise.
const MEMORY: f64 = 9.0;
const MEMORY_TWO_CLIENTS: f64 = 12.0;

struct Starts {
    variant: Variant,
    cpu_ms: Vec<f64>,
    memory_mb: Vec<f64>,
}

pub(crate) async fn measure(stand: &Stand) -> Result<Vec<Row>, Failed> {
    let mut programs = vec![stand.bare()];
    for name in stand.functions() {
        programs.push(stand.function(&name)?);
    }
    let mut measured: Vec<Starts> = programs
        .into_iter()
        .map(|variant| Starts {
            variant,
            cpu_ms: Vec::new(),
            memory_mb: Vec::new(),
        })
        .collect();
    for _ in 0..STARTS {
        for starts in &mut measured {
            let running = stand.start(&starts.variant).await?;
            starts.cpu_ms.push(cpu_ms(running.id())?);
            starts.memory_mb.push(peak_memory_mb(running.id())?);
        }
    }
    let Some((bare, functions)) = measured.split_first() else {
        return Ok(Vec::new());
    };
    let bare_ms = median(&bare.cpu_ms);
    let bare_mb = median(&bare.memory_mb);
    let mut rows = Vec::new();
    for starts in functions {
        let name = &starts.variant.name;
        let spent = median(&starts.cpu_ms);
        let ratio = spent / bare_ms;
        let limit = match has_two_clients(name) {
            true => TWO_CLIENTS,
            false => ONE_CLIENT,
        };
        rows.push(
            Row::at_most(
                &format!("cold start, CPU: {name}"),
                ratio,
                limit,
                "x bare",
                2,
            )
            .beside(format!("{BARE} {bare_ms:.2} ms"))
            .saying(&format!("{spent:.2} ms"))
            .kept("cold_x_bare", name, ratio),
        );
    }
    for starts in functions {
        let name = &starts.variant.name;
        let memory = starts.memory_mb.iter().copied().fold(0.0, f64::max);
        let limit = match has_two_clients(name) {
            true => MEMORY_TWO_CLIENTS,
            false => MEMORY,
        };
        rows.push(
            Row::at_most(
                &format!("memory at the start: {name}"),
                memory,
                limit,
                "MB",
                1,
            )
            .beside(format!("{BARE} {bare_mb:.1} MB"))
            .kept("start_mb", name, memory),
        );
    }
    Ok(rows)
}

/// Whether a function has a second client beside the table's: EventBridge's, or the one
/// that calls platforms and bots.
fn has_two_clients(name: &str) -> bool {
    !matches!(name, "gladly" | "conversations" | "connections")
}
