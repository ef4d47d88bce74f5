//! A function that panics where its caller asks for it, in the loop that every function
//! behind HTTP runs in. The tests call it to see that a panic is one failed call and
//! not the end of the process. No function has such a switch.

use baton_functions::boot;
use baton_functions::http::HttpResponse;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    boot::telemetry();
    boot::serve_http((), async |(), request| {
        assert!(
            request.header("x-panic").is_none(),
            "the caller asked for it"
        );
        HttpResponse::empty(204)
    })
    .await
}
