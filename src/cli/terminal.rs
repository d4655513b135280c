//! The only place that prints: data to standard output, everything else to standard error.
//!
//! What is printed may hold text from logs or file names; messages are made [printable](leastwise::report::printable), data
//! comes from writers that have done so already. A reader that goes away (`leastwise … | head`) ends the output, not the run.

use std::io::{self, BufWriter, IsTerminal, Write};

use clap::Args;
use leastwise::report::printable;

use super::{Exit, Failure};

/// How much is said besides the data.
#[derive(Args, Debug)]
#[command(next_help_heading = "Messages")]
pub(crate) struct Talk {
    /// Say nothing on standard error but errors
    #[arg(long, global = true)]
    quiet: bool,
    /// Show no progress bar, even on a terminal
    #[arg(long, global = true)]
    no_progress: bool,
    /// How messages on standard error are written
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// How messages on standard error are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For a person
    Text,
    /// A JSON object a line: time, level, message, causes, hint
    Json,
}

/// Standard output and standard error, with what may be shown there.
#[derive(Debug)]
pub(crate) struct Terminal {
    quiet: bool,
    format: LogFormat,
    /// A progress bar may be drawn.
    progress: bool,
    /// Colours may be used on standard output.
    pub(crate) colour: bool,
    /// Colours may be used on standard error.
    colour_messages: bool,
}

impl Terminal {
    pub(crate) fn new(talk: &Talk) -> Self {
        // https://no-color.org: any value but the empty one turns colours off.
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            quiet: talk.quiet,
            format: talk.log_format,
            progress: talk.log_format == LogFormat::Text
                && !talk.quiet
                && !talk.no_progress
                && io::stderr().is_terminal(),
            colour: wanted && io::stdout().is_terminal(),
            colour_messages: wanted && io::stderr().is_terminal(),
        }
    }

    /// Whether a progress bar may be drawn.
    pub(crate) fn shows_progress(&self) -> bool {
        self.progress
    }

    /// Hands standard output to a writer of data.
    pub(crate) fn data(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        match write(&mut out).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                // What is left in the buffer has no reader; dropping it would try to write once more.
                drop(out.into_parts());
                Ok(())
            }
            Err(error) => Err(Failure::failed("cannot write to standard output").because(&error)),
        }
    }

    /// A message for the person who runs the command.
    pub(crate) fn note(&self, text: &str) {
        if self.quiet {
            return;
        }
        match self.format {
            LogFormat::Text => to_stderr(format_args!("{}\n", printable(text))),
            LogFormat::Json => json_line("info", text, &[], None),
        }
    }

    /// Something that deserves attention but stops nothing.
    pub(crate) fn warning(&self, text: &str) {
        if self.quiet {
            return;
        }
        match self.format {
            LogFormat::Text => {
                to_stderr(format_args!("{} {}\n", self.label("warning:", "1;33"), printable(text)));
            }
            LogFormat::Json => json_line("warning", text, &[], None),
        }
    }

    /// A fatal error; shown even when quiet.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.format == LogFormat::Json {
            let (first, causes) = failure.messages.split_first().unzip();
            let first = first.map_or("", String::as_str);
            json_line("error", first, causes.unwrap_or_default(), failure.hint.as_deref());
            return;
        }
        for (depth, message) in failure.messages.iter().enumerate() {
            if depth == 0 {
                to_stderr(format_args!("{} {}\n", self.label("error:", "1;31"), printable(message)));
            } else {
                to_stderr(format_args!("  caused by: {}\n", printable(message)));
            }
        }
        if let Some(hint) = &failure.hint {
            to_stderr(format_args!("{} {}\n", self.label("hint:", "1;36"), printable(hint)));
        }
    }

    /// A line of data that belongs with the messages.
    pub(crate) fn line(&self, text: &str) {
        to_stderr(format_args!("{}\n", text.trim_end()));
    }

    fn label(&self, word: &str, code: &str) -> String {
        if self.colour_messages { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word.to_owned() }
    }
}

/// A message that cannot wait for whoever holds the terminal.
pub(super) fn urgent(text: &str) {
    to_stderr(format_args!("\n{}\n", printable(text)));
}

/// Draws over the current line of standard error.
pub(super) fn draw(line: &str) {
    to_stderr(format_args!("\r\u{1b}[K{}", printable(line)));
}

/// Clears what [`draw`] drew.
pub(super) fn clear_drawn() {
    to_stderr(format_args!("\r\u{1b}[K"));
}

/// What the argument parser has to say: help and version are data, anything else is a usage error.
pub(super) fn show_usage(error: &clap::Error) -> Exit {
    let text = error.render().to_string();
    if error.use_stderr() {
        if wants_json() {
            json_line("error", text.trim_start_matches("error: ").trim_end(), &[], None);
            return Exit::Usage;
        }
        // The text quotes arguments, which may hold anything; line ends are the parser's own.
        for line in text.lines() {
            to_stderr(format_args!("{}\n", printable(line)));
        }
        return Exit::Usage;
    }
    let written = io::stdout().lock().write_all(text.as_bytes());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Failed,
        _ => Exit::Done,
    }
}

/// A message as a JSON object; JSON itself escapes what a terminal would take for a command.
fn json_line(level: &str, message: &str, causes: &[String], hint: Option<&str>) {
    let mut line = serde_json::Map::new();
    line.insert("time".to_owned(), super::time::now().to_string().into());
    line.insert("level".to_owned(), level.into());
    line.insert("message".to_owned(), printable(message).into());
    if !causes.is_empty() {
        let causes: Vec<_> = causes.iter().map(|cause| printable(cause)).collect();
        line.insert("causes".to_owned(), causes.into());
    }
    if let Some(hint) = hint {
        line.insert("hint".to_owned(), printable(hint).into());
    }
    to_stderr(format_args!("{}\n", serde_json::Value::Object(line)));
}

/// Whether messages are wanted as JSON, from the bare arguments: those that could not be parsed are told of so too.
fn wants_json() -> bool {
    let arguments: Vec<_> = std::env::args_os().collect();
    let pair = arguments
        .windows(2)
        .any(|pair| matches!(pair, [name, value] if name == "--log-format" && value == "json"));
    pair || arguments.iter().any(|argument| argument == "--log-format=json")
}

/// Standard error is the last resort: when it cannot be written to, there is nobody left to tell.
fn to_stderr(text: std::fmt::Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}
