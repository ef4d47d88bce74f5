//! What the reference conversation costs. The tables are printed; run with
//! `--no-capture` to see them.

use baton_tests::reference::{LIMIT, Plan, play};

const TEN_MINUTES: i64 = 600_000;

#[tokio::test]
async fn a_conversation_costs_little() {
    let keys = Plan {
        keys: true,
        ..Plan::WHOLE
    };
    for plan in [
        Plan::PLAIN,
        Plan::WHOLE,
        keys,
        Plan::PLAIN.lasting(TEN_MINUTES),
        Plan::WHOLE.lasting(TEN_MINUTES),
    ] {
        let bill = play(plan).await;
        println!("\n{bill}");
        assert!(bill.usd() <= LIMIT, "{bill}");
        // One kilobyte is one write unit, four are one read unit.
        assert!(
            bill.entry <= 1_024 && bill.checkpoint <= 1_024 && bill.load <= 4_096,
            "{bill}"
        );
    }
}
