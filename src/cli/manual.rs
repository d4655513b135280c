//! `leastwise completions` and `leastwise man`: what packagers install.

use std::io;

use clap::Command;
use clap_complete::Shell;

use super::{Exit, Failure, Terminal};

/// Print a completion script for a shell
#[derive(clap::Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Print the manual page of leastwise, or of one subcommand
#[derive(clap::Args, Debug)]
pub(super) struct ManArgs {
    /// The subcommand; none is leastwise itself
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

pub(super) fn completions(
    args: &CompletionsArgs,
    command: &mut Command,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    // The generator wants a writer that cannot fail, so the script is made in memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "leastwise", &mut script);
    terminal.data(|out| out.write_all(&script))?;
    Ok(Exit::Done)
}

pub(super) fn page(args: &ManArgs, mut all: Command, terminal: &mut Terminal) -> Result<Exit, Failure> {
    all.build();
    let command = match &args.command {
        None => all,
        Some(name) => match all.find_subcommand(name) {
            // Building has given it the page's name, `leastwise-NAME`.
            Some(found) => found.clone(),
            None => {
                let known: Vec<&str> = all.get_subcommands().map(Command::get_name).collect();
                return Err(Failure::usage(format!("there is no subcommand `{name}`"))
                    .hint(format!("there are {}", known.join(", "))));
            }
        },
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error: io::Error| Failure::failed("cannot write the manual page").because(&error))?;
    terminal.data(|out| out.write_all(&page))?;
    Ok(Exit::Done)
}
