//! The CPU of a webhook in a warm sandbox, eight messages of each customer, beside the
//! same work on Node 20 with AWS SDK v3 (`node/function.mjs`) and beside the runtime
//! alone. The programs take turns.

use crate::accounting::median;
use crate::stand::{Stand, Variant};
use crate::table::Row;
use baton_tests::scene::Failed;

/// Calls before CPU is counted: Node's compiler takes its time.
const WARM_UP: usize = 1_600;
/// Turns of each program, and calls in a turn.
const TURNS: usize = 21;
const CALLS: usize = 120;
/// How much of Node's CPU a webhook may take.
const LIMIT: f64 = 0.15;

const FIGURE: &str = "warm webhook, CPU: gladly";

pub(crate) async fn measure(stand: &Stand) -> Result<Vec<Row>, Failed> {
    let mut programs: Vec<Variant> = vec![stand.bare(), stand.function("gladly")?];
    programs.extend(stand.node()?);
    let mut running = Vec::new();
    for variant in &programs {
        let program = stand.start(variant).await?;
        let series = format!("warm-{}", variant.name);
        for number in 0..WARM_UP {
            program.call(stand.webhook(&series, number), 200).await?;
        }
        running.push((series, program, Vec::new()));
    }
    for turn in 0..TURNS {
        for (series, program, spent) in &mut running {
            let first = WARM_UP + turn * CALLS;
            let events = (first..first + CALLS).map(|number| stand.webhook(series, number));
            spent.push(program.cpu_of_calls(events, 200).await?);
        }
    }
    let spent: Vec<f64> = running.iter().map(|(.., spent)| median(spent)).collect();
    let [bare, hub, ref node @ ..] = spent[..] else {
        return Ok(Vec::new());
    };
    let row = match node.first() {
        None => Row::shown(
            FIGURE,
            format!("{hub:.3} ms; there is no Node to compare with"),
        ),
        Some(node) => Row::at_most(FIGURE, hub / node, LIMIT, "x Node", 3)
            .beside(format!("Node {node:.2} ms, bare {bare:.3} ms"))
            .saying(&format!("{hub:.3} ms"))
            .kept("warm_x_node", "gladly", hub / node),
    };
    Ok(vec![row])
}
