//! Logs: one line of JSON on standard output for each event, with the id of the request
//! that Lambda has the function at. What a call says of itself as a whole (the target
//! [`INVOCATION`]) is kept for the line that carries its counts.
//!
//! Spans are kept for that id alone, so a registry of spans, with layers that format
//! them, would be a tenth of a megabyte for one string.

use baton_domain::Timestamp;
use baton_hub::Clock;
use baton_hub::metrics::INVOCATION;
use baton_platforms::moment::to_iso;
use serde_json::{Map, Value};
use std::fmt;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The field of the runtime's span that names the request.
const REQUEST: &str = "requestId";
/// The only span's number: all are that of the one request there is at a time.
const SPAN: u64 = 1;

/// Writes what is at least as grave as its level. Clones share what they keep.
#[derive(Clone, Debug)]
pub(super) struct JsonLines {
    level: Level,
    request: Arc<Mutex<String>>,
    kept: Arc<Mutex<Map<String, Value>>>,
}

impl JsonLines {
    /// Lines of this level and graver ones.
    pub(super) fn of(level: Level) -> Self {
        Self {
            level,
            request: Arc::default(),
            kept: Arc::default(),
        }
    }

    /// What the call that ends has said of itself.
    pub(super) fn take_kept(&self) -> Map<String, Value> {
        std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes a line, whatever the level.
    pub(super) fn write(line: &Map<String, Value>) {
        let mut line = serde_json::to_vec(line).unwrap_or_default();
        line.push(b'\n');
        // Where nobody reads them, logs are of no use.
        let _unread = std::io::stdout().lock().write_all(&line);
    }

    /// An event as a line; nothing where it is kept.
    fn line(&self, at: Timestamp, event: &Event<'_>) -> Option<Map<String, Value>> {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let Fields(mut line) = fields;
        if metadata.target() == INVOCATION {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = line;
            return None;
        }
        line.insert("timestamp".to_owned(), Value::String(to_iso(at)));
        line.insert("level".to_owned(), metadata.level().as_str().into());
        line.insert("target".to_owned(), metadata.target().into());
        let request = self.request.lock().unwrap_or_else(PoisonError::into_inner);
        if !request.is_empty() {
            line.insert(REQUEST.to_owned(), request.as_str().into());
        }
        Some(line)
    }
}

impl Subscriber for JsonLines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The counts, and the ids of requests, are wanted at every level.
        *metadata.level() <= self.level || metadata.target() == INVOCATION || metadata.is_span()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.max(Level::INFO).into())
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        if let Some(Value::String(id)) = fields.0.remove(REQUEST) {
            *self.request.lock().unwrap_or_else(PoisonError::into_inner) = id;
        }
        Id::from_u64(SPAN)
    }

    fn event(&self, event: &Event<'_>) {
        if let Some(line) = self.line(Clock::real().now(), event) {
            Self::write(&line);
        }
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

/// Fields as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps its lines, and is otherwise [`JsonLines`].
    struct Kept(JsonLines, Arc<Mutex<Vec<Value>>>);

    impl Subscriber for Kept {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            self.0.enabled(metadata)
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.0.new_span(span)
        }
        fn event(&self, event: &Event<'_>) {
            let line = self.0.line(Timestamp(1_735_787_045_060), event);
            self.1.lock().unwrap().extend(line.map(Value::Object));
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn at_every_level_a_call_may_say_what_it_was() {
        let json = JsonLines::of(Level::ERROR);
        tracing::subscriber::with_default(json.clone(), || {
            // bites: a filter that takes what the metrics' line is made of.
            assert!(tracing::enabled!(target: INVOCATION, Level::INFO));
            assert!(!tracing::enabled!(target: "else", Level::WARN));
            tracing::info!(target: INVOCATION, status = 503, "the whole call");
        });
        assert_eq!(json.take_kept()["status"], 503);
    }

    #[test]
    fn an_event_is_a_line_of_json_with_its_request() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let json = JsonLines::of(Level::INFO);
        let kept = Kept(json.clone(), Arc::clone(&lines));
        tracing::subscriber::with_default(kept, || {
            tracing::info!("no request yet");
            tracing::debug!("too fine");
            let span = tracing::info_span!("Lambda runtime invoke", requestId = "request-1");
            let _entered = span.enter();
            tracing::info!(target: INVOCATION, status = 200, "the whole call");
            tracing::warn!(
                bytes = 7,
                error = %"a \"quoted\" word\nand a line",
                good = false,
                "kept"
            );
        });
        let lines = lines.lock().unwrap().clone();
        let [first, second] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        let kept = json.take_kept();
        assert_eq!(kept["status"], 200);
        assert_eq!(kept["message"], "the whole call");
        assert!(json.take_kept().is_empty());
        assert_eq!(first["message"], "no request yet");
        assert_eq!(first.get(REQUEST), None);
        assert_eq!(second["timestamp"], "2025-01-02T03:04:05.060Z");
        assert_eq!(second["level"], "WARN");
        assert_eq!(second[REQUEST], "request-1");
        assert_eq!(second["bytes"], 7);
        assert_eq!(second["good"], false);
        assert_eq!(second["error"], "a \"quoted\" word\nand a line");
        assert_eq!(second["message"], "kept");
    }
}
