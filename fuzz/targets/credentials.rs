//! Headers, ids and moments.
#![no_main]

use baton_domain::rings::{SeenIds, UsedKeys};
use baton_domain::{ConversationId, MessageId, ThreadId};
use baton_platforms::gladly::{WebhookAuth, verify_any};
use baton_platforms::http::{bearer, encode_segment, parse_basic, parse_token};
use baton_platforms::moment::{parse_iso, to_iso};
use baton_platforms::signing::SigningKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let seen = SeenIds::from_bytes(data);
    assert_eq!(SeenIds::from_bytes(&seen.to_bytes()), seen);
    let keys = UsedKeys::from_bytes(data);
    assert_eq!(UsedKeys::from_bytes(&keys.to_bytes()), keys);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = (bearer(text), parse_basic(text), parse_token(text), SigningKey::parse(text));
    let set = WebhookAuth {
        basic: Some(("user".to_owned(), "test-secret".to_owned())),
        headers: vec![("x-token".to_owned(), "test-token".to_owned())],
    };
    let admitted = verify_any(&[set], |name| (name == "authorization").then_some(text));
    assert!(!admitted, "one header is not both");
    // One spelling for each id.
    if let Ok(id) = ThreadId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(id) = ConversationId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(id) = MessageId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Some(at) = parse_iso(text) {
        assert_eq!(parse_iso(&to_iso(at)), Some(at));
    }
    assert!(encode_segment(text).bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'));
});
