//! `--format json`: one object a line on standard output, the last one an `end`.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use crate::{harmless, output};

/// Writes events, each as one line, each flushed, so that a reader at the other end of a pipe sees it
/// at once.
///
/// Every event has `event` and `ts` (UTC, microseconds); the first one has `schema` too. Events may be
/// written from several threads; a line is never torn. What a terminal would obey is escaped, whoever
/// wrote the text.
pub struct Events {
    schema: &'static str,
    state: Mutex<State>,
}

#[derive(Serialize)]
struct Line<'a, T> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    ts: String,
    #[serde(flatten)]
    body: &'a T,
}

struct State {
    out: Box<dyn Write + Send>,
    any_written: bool,
}

impl Events {
    /// Events on standard output. `schema` is the program and the version of its events: `tcp-server/1`.
    pub fn stdout(schema: &'static str) -> Self {
        Self::new(schema, Box::new(io::stdout()))
    }

    /// Events into any writer.
    pub fn new(schema: &'static str, out: Box<dyn Write + Send>) -> Self {
        Self { schema, state: Mutex::new(State { out, any_written: false }) }
    }

    /// Writes the event `name` with the fields of `body`, which must be a struct or a map.
    ///
    /// Ends the program quietly where the reader of standard output has gone; see [`output::or_exit`].
    pub fn emit(&self, name: &str, body: &impl Serialize) {
        output::or_exit(self.try_emit(name, body));
    }

    /// The same for a program that has more to do than to write: the error is its to judge.
    pub fn try_emit(&self, name: &str, body: &impl Serialize) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = Line {
            event: name,
            schema: (!state.any_written).then_some(self.schema),
            ts: humantime::format_rfc3339_micros(SystemTime::now()).to_string(),
            body,
        };
        let mut line = harmless::to_vec(&line).expect("an event is a plain struct or a map");
        line.push(b'\n');
        state.any_written = true;
        state.out.write_all(&line)?;
        state.out.flush()
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_text_of_others_is_written_so_that_no_terminal_obeys_it() {
        let out = Shared::default();
        let events = Events::new("test/1", Box::new(out.clone()));
        events.emit("said", &json!({"text": "\u{9b}2J\u{202e}"}));
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains(r#""text":"\u009b2J\u202e""#), "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["text"], "\u{9b}2J\u{202e}");
    }

    #[test]
    fn the_first_event_alone_carries_the_schema() {
        let out = Shared::default();
        let events = Events::new("test/1", Box::new(out.clone()));
        events.emit("listening", &json!({"addr": "127.0.0.1:1"}));
        events.emit("end", &json!({"ok": true}));
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["event"], "listening");
        assert_eq!(lines[0]["schema"], "test/1");
        assert_eq!(lines[0]["addr"], "127.0.0.1:1");
        assert!(lines[0]["ts"].as_str().unwrap().ends_with('Z'));
        assert_eq!(lines[1].get("schema"), None);
        assert!(text.starts_with(r#"{"event":"listening","schema":"test/1","ts":"#));
    }
}
