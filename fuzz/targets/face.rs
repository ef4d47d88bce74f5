//! Calls of the Gladly face, and what their content becomes on every platform.
#![no_main]

use baton_platforms::convert::{Target, convert, plain_text};
use baton_platforms::gladly::face::{parse_description, parse_message, parse_patch, parse_typing};
use baton_platforms::gladly::limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let _ = (parse_description(body), parse_typing(body), parse_patch(body));
    let Ok(content) = parse_message(body) else {
        return;
    };
    let _ = (limits::check(&content), plain_text(&content));
    for target in Target::ALL {
        if let Ok(rendered) = convert(&content, target) {
            assert!(!rendered.is_empty(), "something is said, or why it cannot be");
        }
    }
});
