//! Records the program's own events for the cockpit's log pane, by the clock of the world.

use std::fmt::{Debug, Write as _};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::domain::{LogLevel, LogLine};
use crate::ports::Clock;
use crate::tui::ProgramLog;

/// A layer that gives each event to a [`ProgramLog`].
pub(super) struct Recorder {
    log: ProgramLog,
    clock: Arc<dyn Clock>,
}

impl Recorder {
    pub(super) fn new(log: ProgramLog, clock: Arc<dyn Clock>) -> Recorder {
        Recorder { log, clock }
    }
}

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = EventText::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let level = level_of(*metadata.level());
        let (at, text) = (self.clock.now(), text.whole());
        self.log
            .record(LogLine::record(at, level, metadata.target(), &text));
    }
}

fn level_of(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// The message of an event, and its fields as `key=value`.
#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
}

impl EventText {
    fn whole(mut self) -> String {
        self.message.push_str(&self.fields);
        self.message
    }
}

impl Visit for EventText {
    fn record_str(&mut self, field: &Field, value: &str) {
        if value.is_empty() || value.contains(char::is_whitespace) {
            self.record_debug(field, &value);
        } else {
            self.record_debug(field, &format_args!("{value}"));
        }
    }

    // Writing to a String cannot fail.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // Of a library that uses the `log` crate, its name is enough.
            "log.file" | "log.line" | "log.module_path" => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::domain::Time;
    use crate::engine::SystemClock;

    #[test]
    fn event_becomes_a_line_with_its_fields() {
        let log = ProgramLog::default();
        let recorder = Recorder::new(log.clone(), Arc::new(SystemClock));
        let subscriber = tracing_subscriber::registry().with(recorder);
        let began = Time::from(std::time::SystemTime::now());
        tracing::subscriber::with_default(subscriber, || {
            let (upstream, why) = ("hyperbolic", "timed out\nafter 5 s");
            tracing::warn!(upstream, bytes = 12, why, "the upstream failed: {}", "why");
            tracing::info!(target: "other", "plain");
        });
        let lines = log.take();
        let told: Vec<_> = lines
            .iter()
            .map(|line| (line.level(), line.target(), line.text()))
            .collect();
        let fields =
            r#"the upstream failed: why upstream=hyperbolic bytes=12 why="timed out\nafter 5 s""#;
        let own = Some(module_path!());
        assert_eq!(
            told,
            [
                (Some(LogLevel::Warn), own, fields),
                (Some(LogLevel::Info), Some("other"), "plain"),
            ]
        );
        assert!(lines.iter().all(|line| line.at >= began));
        assert!(log.take().is_empty(), "they are taken once");
    }
}
