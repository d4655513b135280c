//! Why a subcommand could not do what was asked.

use std::error::Error;
use std::fmt;

use super::Exit;

/// A fatal error with its causes, and what the user may do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the process reports.
    pub(crate) exit: Exit,
    /// What went wrong, then why, then why that.
    pub(crate) messages: Vec<String>,
    /// Advice, one sentence.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// Something that the command line says and that cannot be done.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, messages: vec![message.to_string()], hint: None }
    }

    /// Something that went wrong.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Failed, messages: vec![message.to_string()], hint: None }
    }

    /// With an error and all its causes underneath.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        self.messages.push(error.to_string());
        self.causes_of(error)
    }

    /// With all the causes of an error that is already told.
    pub(crate) fn causes_of(mut self, error: &dyn Error) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors repeat their source in their own text.
            if self.messages.last().is_none_or(|last| !last.contains(&text)) {
                self.messages.push(text);
            }
            cause = error.source();
        }
        self
    }

    /// With advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
