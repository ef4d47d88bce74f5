//! A webhook's body: never a panic, and the same event every time.
#![no_main]

use baton_domain::Timestamp;
use baton_platforms::gladly::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let received = Timestamp(1_795_162_530_250);
    if let (Ok(first), Ok(second)) = (parse(body, received), parse(body, received)) {
        assert_eq!(first.what, second.what);
    }
});
