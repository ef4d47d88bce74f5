//! The first call of a sandbox with 128 MB: how long a webhook waits for its answer. The
//! start has all the CPU there is, as on Lambda; then the process gets its share.

use crate::accounting::{cpu_ms, median, percentile};
use crate::share::Share;
use crate::stand::{FALLS_ASLEEP, NODE, Stand, Variant};
use crate::table::Row;
use baton_tests::scene::Failed;
use std::time::Duration;

/// Starts of the function, and of what it is compared with.
const STARTS: usize = 101;
const STARTS_NODE: usize = 11;
/// How long the first call may take, in ms, in the middle of all.
const LIMIT: f64 = 5.0;
/// Where the bare function takes longer than that, in ms, the machine is busy: a time
/// would say more about its other work than about the function.
const BUSY: f64 = 1.0;
/// A few periods of the quota, so that it starts unspent.
const RESTS: Duration = Duration::from_millis(50);

const FIGURE: &str = "first call at 128 MB, p50: gladly";

#[derive(Default)]
struct Calls {
    wall_ms: Vec<f64>,
    cpu_ms: Vec<f64>,
}

pub(crate) async fn measure(stand: &Stand) -> Result<Vec<Row>, Failed> {
    let share = match Share::make() {
        Ok(share) => share,
        Err(error) => {
            let why = format!("no quota can be set here: {error}");
            return Ok(vec![Row::shown(FIGURE, why)]);
        }
    };
    let (bare, hub, node) = (stand.bare(), stand.function("gladly")?, stand.node()?);
    let mut all: [Calls; 3] = Default::default();
    for number in 0..STARTS {
        let [of_bare, of_hub, of_node] = &mut all;
        call(stand, &share, &bare, number, of_bare).await?;
        call(stand, &share, &hub, number, of_hub).await?;
        if let Some(node) = node.as_ref().filter(|_| number < STARTS_NODE) {
            call(stand, &share, node, number, of_node).await?;
        }
    }
    let [of_bare, of_hub, of_node] = &all;
    let mut baseline = format!("bare {:.1} ms", median(&of_bare.wall_ms));
    if node.is_some() {
        baseline += &format!(", Node {:.0} ms", median(&of_node.wall_ms));
    }
    let p99 = percentile(&of_hub.wall_ms, 0.99);
    let cpu = median(&of_hub.cpu_ms);
    let busy = median(&of_bare.wall_ms) > BUSY;
    let mut row = Row::at_most(FIGURE, median(&of_hub.wall_ms), LIMIT, "ms", 1)
        .beside(baseline)
        .saying(&format!("p99 {p99:.0} ms, CPU {cpu:.2} ms"))
        .kept("first_call_cpu_ms", "gladly", cpu);
    if busy {
        row.met = None;
        row.measured += ", on a busy machine: not judged";
    }
    Ok(vec![row])
}

async fn call(
    stand: &Stand,
    share: &Share,
    variant: &Variant,
    number: usize,
    calls: &mut Calls,
) -> Result<(), Failed> {
    let running = stand.start(variant).await?;
    share.hold(running.id())?;
    tokio::time::sleep(RESTS).await;
    let before = cpu_ms(running.id())?;
    // Each has customers of its own: nothing was said yet.
    let series = format!("first-{}-{number}", variant.name);
    let took = running.call(stand.webhook(&series, 0), 200).await?;
    tokio::time::sleep(FALLS_ASLEEP * if variant.name == NODE { 5 } else { 1 }).await;
    calls.wall_ms.push(took.as_secs_f64() * 1e3);
    calls.cpu_ms.push(cpu_ms(running.id())? - before);
    Ok(())
}
