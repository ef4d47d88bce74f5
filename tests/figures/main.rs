//! Measures what the hub costs and how fast it is, and prints one table: each figure,
//! what it is compared with, what is to be reached, and whether it is. `tests/bench`
//! builds what is measured and calls this; see there.
//!
//! A section is one module that yields rows:
//!
//! | module | subject |
//! |---|---|
//! | [`size`] | the binaries |
//! | [`cold`] | CPU and memory of a start |
//! | [`first`] | the first call at the CPU share of 128 MB |
//! | [`warm`] | CPU of a webhook, beside the same in Node |
//! | [`forged`] | CPU of a webhook whose credentials are wrong |
//! | [`growth`] | memory over many calls |
//! | [`money`] | what a message costs |
//! | [`deadlines`] | `lateness`, `burst`, `flat`, `shard`: the sweep at scale, and a slow bot |
//!
//! CPU times move from machine to machine, wall times also from run to run: ratios of
//! CPU times, taken turn about in one run, are what is judged, but for the first call,
//! whose time is the point.

mod accounting;
mod cold;
mod deadlines;
mod first;
mod forged;
mod growth;
mod money;
mod recorded;
mod share;
mod size;
mod stand;
mod table;
mod warm;

use baton_tests::scene::Failed;
use recorded::Recorded;
use stand::Stand;
use std::path::PathBuf;
use std::process::ExitCode;
use table::Row;

/// The sections, in the order of the table.
const SECTIONS: [&str; 11] = [
    "size", "cold", "first", "warm", "forged", "growth", "money", "lateness", "burst", "flat",
    "shard",
];
/// Those that run on a virtual clock: what else the machine does changes nothing but how
/// long they take, so they run side by side after the others.
const VIRTUAL: [&str; 4] = ["lateness", "burst", "flat", "shard"];

/// Rows of one section.
async fn measure(section: &str, stand: &Stand) -> Result<Vec<Row>, Failed> {
    match section {
        "size" => size::measure(stand),
        "cold" => cold::measure(stand).await,
        "first" => first::measure(stand).await,
        "warm" => warm::measure(stand).await,
        "forged" => forged::measure(stand).await,
        "growth" => growth::measure(stand).await,
        "money" => money::measure(stand.folder()).await,
        _ => Err(format!("no such section; there are {}", SECTIONS.join(", ")).into()),
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<ExitCode, Failed> {
    let (options, only): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    let folder = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.ok_or_else(|| format!("{name} is not set: `tests/bench` sets it"))
    };
    let work = folder("BATON_BENCH_WORK")?;
    let node = Some(work.join("node/function.cjs")).filter(|program| program.is_file());
    let binaries = folder("BATON_BENCH_BINARIES")?;
    let stand = Stand::set(&binaries, node, &work).await?;
    let mut rows = Vec::new();
    let chosen: Vec<&str> = match only.is_empty() {
        true => SECTIONS.to_vec(),
        false => only.iter().map(String::as_str).collect(),
    };
    let (virtually, really): (Vec<&str>, Vec<&str>) = chosen
        .into_iter()
        .partition(|section| VIRTUAL.contains(section));
    for section in really {
        eprintln!("measuring: {section}");
        rows.extend(measure(section, &stand).await?);
    }
    if !virtually.is_empty() {
        eprintln!("measuring: {}", virtually.join(", "));
        rows.extend(deadlines::measure(virtually, binaries).await?);
    }
    let machine = accounting::machine();
    let recorded = Recorded::read()?;
    println!("{machine}\n");
    table::print(&rows, |row| recorded.moved(row));
    let missed = rows.iter().filter(|row| row.met == Some(false)).count();
    let grown = rows.iter().filter(|row| recorded.has_grown(row)).count();
    println!("\n{missed} not met, {grown} grown by more than a tenth since they were recorded");
    if options.iter().any(|option| option == "--record") {
        recorded.write(&rows, &machine)?;
        println!("recorded");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(match missed + grown {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}
