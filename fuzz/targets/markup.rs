//! HTML that a bot wrote: as plain text it has no tag any more, and is evened out once
//! for all.
#![no_main]

use baton_platforms::markup::{escape, tags_outside, to_plain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|html: &str| {
    let _ = (to_plain(html), tags_outside(html, &["b", "a"]));
    let escaped = escape(html);
    assert!(!escaped.contains('<'), "nothing of it is a tag");
    assert!(tags_outside(&escaped, &[]).is_empty());
});
