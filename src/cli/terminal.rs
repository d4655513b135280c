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
}

/// Standard output and standard error, with what may be shown there.
#[derive(Debug)]
pub(crate) struct Terminal {
    quiet: bool,
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
            progress: !talk.quiet && !talk.no_progress && io::stderr().is_terminal(),
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
        if !self.quiet {
            to_stderr(format_args!("{}\n", printable(text)));
        }
    }

    /// Something that deserves attention but stops nothing.
    pub(crate) fn warning(&self, text: &str) {
        if !self.quiet {
            to_stderr(format_args!("{} {}\n", self.label("warning:", "1;33"), printable(text)));
        }
    }

    /// A fatal error; shown even when quiet.
    pub(crate) fn failure(&self, failure: &Failure) {
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

/// Standard error is the last resort: when it cannot be written to, there is nobody left to tell.
fn to_stderr(text: std::fmt::Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}
