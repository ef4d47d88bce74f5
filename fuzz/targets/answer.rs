//! The platform's answers: the first two bytes choose the call and the status.
#![no_main]

use baton_domain::{Content, Timestamp};
use baton_platforms::gladly::readback::{conversation_state, find_sent, session_state};
use baton_platforms::gladly::{Operation, classify};
use baton_platforms::http::Reply;
use libfuzzer_sys::fuzz_target;

const OPERATIONS: [Operation; 10] = [
    Operation::SendMessage,
    Operation::Handoff,
    Operation::Close,
    Operation::Typing,
    Operation::ListMessages,
    Operation::GetSession,
    Operation::Note,
    Operation::Assign,
    Operation::CloseConversation,
    Operation::GetConversation,
];
const STATUSES: [u16; 12] = [0, 200, 201, 204, 302, 400, 401, 404, 409, 429, 500, 599];

fuzz_target!(|data: &[u8]| {
    let [operation, status, body @ ..] = data else {
        return;
    };
    let operation = OPERATIONS[usize::from(*operation) % OPERATIONS.len()];
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let text = std::str::from_utf8(body).ok();
    let mut reply = Reply::new(status, body);
    (reply.location, reply.retry_after) = (text, text);
    let _ = classify(operation, &reply);
    let _ = (session_state(body), conversation_state(body));
    let found = find_sent(body, &Content::text("hello"), Timestamp(0), |_| false);
    if let Some(id) = found {
        let again = find_sent(body, &Content::text("hello"), Timestamp(0), |known| known == id);
        assert_ne!(again, Some(id), "a known message is not found again");
    }
});
