//! The `leastwise` command.

mod cli;

fn main() -> cli::Exit {
    cli::run()
}
