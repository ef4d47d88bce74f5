//! scratch
use baton_domain::Mutation;
use baton_local::simulate::{Fault, Telling, Weather, run_in};
use std::sync::Arc;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let t = Arc::new(baton_local::template::Template::builtin().unwrap());
    let from: u64 = a[2].parse().unwrap();
    let n: u64 = a[3].parse().unwrap();
    let weather = |seed| match a.get(4).map(String::as_str) {
        Some("late") => Weather::only(&[(Fault::StoreLate, 0.08), (Fault::TickDoubled, 0.3)]),
        Some("lossy") => Weather::only(&[(Fault::StoreAnswerLost, 0.15)]),
        _ => Weather::of_seed(seed),
    };
    let m = Mutation::ALL.into_iter().find(|m| a[1] == format!("{m:?}"));
    let began = std::time::Instant::now();
    let mut hits = 0;
    for seed in from..from + n {
        Mutation::switch(m);
        let o = run_in(
            weather(seed),
            seed,
            &t,
            Telling {
                lines: a.len() > 5,
                digest: true,
            },
        )
        .unwrap();
        Mutation::switch(None);
        if a.len() > 5 {
            for l in &o.lines {
                println!(
                    "{:>8}.{:03} {:<16} {}",
                    l.at / 1000,
                    l.at % 1000,
                    l.who,
                    l.what
                );
            }
            println!("{:#?}", o.findings);
        }
        if let Some(f) = o.findings.first() {
            hits += 1;
            println!(
                "{seed}: {} {} {} {}",
                f.promise, f.about, f.expected, f.found
            );
        }
        if seed < from + 3 {
            println!("{seed} digest {:016x}", o.digest);
        }
    }
    println!("{m:?}: {hits}/{n} {:?}", began.elapsed());
}
