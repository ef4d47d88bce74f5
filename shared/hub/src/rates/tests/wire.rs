//! Many sandboxes against the simulated Gladly, over real sockets.

use crate::calls::{Calls, NoAnswer};
use crate::clock::Clock;
use baton_domain::time::SECOND;
use baton_platforms::http::{Credentials, HttpCall, Method};
use baton_simulators::gladly::{GladlyConfig, GladlySim};
use std::time::Duration;

/// The platform's limit, above the default so that the test takes seconds; the hub
/// learns it from the header.
const LIMIT: u32 = 40;
const SANDBOXES: u32 = 50;
const CALLS: usize = 12;

/// Makes `CALLS` calls as the deliverer does: in turn, each until it is done. What was
/// accepted.
async fn sandbox(calls: Calls, base: String, credentials: Credentials) -> usize {
    let clock = Clock::real();
    let call = HttpCall {
        method: Method::Get,
        path: "/api/v1/agents".to_owned(),
        headers: Vec::new(),
        body: None,
    };
    let mut done = 0;
    while done < CALLS {
        let by = clock.now().plus(4 * SECOND);
        match calls.wait_turn(&base, call.method, by).await {
            Err(NoAnswer::NoTime) => tokio::time::sleep(Duration::from_millis(500)).await,
            Err(other) => panic!("{other}"),
            Ok(()) => {
                let limit = Duration::from_secs(10);
                let answered = calls.call(&base, &call, Some(&credentials), limit).await;
                match answered.expect("an answer").status {
                    200 => done += 1,
                    429 => tokio::time::sleep(Duration::from_millis(clock.below(400))).await,
                    status => panic!("{status}"),
                }
            }
        }
    }
    done
}

#[tokio::test]
async fn fifty_sandboxes_settle_side_by_side() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = GladlyConfig {
        rate_limit: Some(LIMIT),
        ..GladlyConfig::default()
    };
    let credentials = Credentials::Basic {
        user: config.agent_email.clone(),
        password: config.api_token.clone(),
    };
    let gladly = GladlySim::new(config);
    let served = gladly.serve().await.expect("a socket");
    let clock = Clock::real();
    let began = clock.now();
    let fleet: Vec<_> = (0..SANDBOXES)
        .map(|_| {
            let calls = Calls::new(clock.clone(), SANDBOXES).expect("a client");
            let base = served.base_url.clone();
            tokio::spawn(sandbox(calls, base, credentials.clone()))
        })
        .collect();
    let mut done = 0;
    for sandbox in fleet {
        done += sandbox.await.expect("no panic");
    }
    let took = clock.now().since(began);
    assert_eq!(done, CALLS * SANDBOXES as usize, "no call is lost");
    let calls = gladly.calls();
    let refused = |from: i64| {
        let late = calls.iter().filter(|call| call.at >= began.plus(from).0);
        late.filter(|call| call.status == 429).count()
    };
    println!(
        "took {took} ms, refused {}, later {}",
        refused(0),
        refused(4_000)
    );
    // bites: going on at the whole limit after a 429 (hundreds of them). A busy
    // machine sends in lumps, of which more are refused.
    assert!(refused(0) <= 100, "{} were refused", refused(0));
    assert!(refused(4_000) <= 40, "{} later", refused(4_000));
    assert!(took < 60 * SECOND, "took {took} ms");
}
