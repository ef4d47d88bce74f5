//! A webhook whose credentials are wrong: what it costs beside a valid one, and that
//! nothing is asked of AWS for it.

use crate::accounting::median;
use crate::stand::Stand;
use crate::table::Row;
use baton_tests::scene::Failed;

const WARM_UP: usize = 400;
const TURNS: usize = 21;
const CALLS: usize = 120;
/// How much of a valid webhook's CPU a forged one may take.
const LIMIT: f64 = 0.5;

pub(crate) async fn measure(stand: &Stand) -> Result<Vec<Row>, Failed> {
    let program = stand.start(&stand.function("gladly")?).await?;
    for number in 0..WARM_UP {
        program.call(stand.webhook("forgery", number), 200).await?;
    }
    let (mut valid, mut forged) = (Vec::new(), Vec::new());
    let mut asked = 0;
    for turn in 0..TURNS {
        let numbers = WARM_UP + turn * CALLS..WARM_UP + (turn + 1) * CALLS;
        let events = numbers
            .clone()
            .map(|number| stand.webhook("forgery", number));
        valid.push(program.cpu_of_calls(events, 200).await?);
        let before = stand.asked_by("gladly");
        let events = numbers.map(|number| stand.forged("forgery", number));
        forged.push(program.cpu_of_calls(events, 401).await?);
        asked += stand.asked_by("gladly") - before;
    }
    let (valid, forged) = (median(&valid), median(&forged));
    Ok(vec![
        Row::at_most("forged webhook, CPU", forged / valid, LIMIT, "x valid", 2)
            .beside(format!("valid {valid:.3} ms"))
            .saying(&format!("{forged:.3} ms"))
            .kept("forged_x_valid", "gladly", forged / valid),
        Row::at_most(
            "forged webhook, calls of AWS",
            asked as f64,
            0.0,
            "calls",
            0,
        )
        .saying(&format!("{} webhooks", TURNS * CALLS)),
    ])
}
