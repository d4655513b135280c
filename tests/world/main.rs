//! Writes `sample-logs/`, or another world: `cargo sample-logs [--out DIR] [--seed N] [--days N] [--scale N]`; or a large organization
//! without a story: `--roles N`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a development tool over its own data: a broken assumption shall stop it"
)]

#[path = "mod.rs"]
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo sample-logs [--out DIR] [--seed N] [--days N] [--scale N]\n       cargo sample-logs --out DIR --roles N [--seed N]";

fn main() -> ExitCode {
    let mut options = world::Options::SAMPLE;
    let (mut out, mut n_roles) = (PathBuf::from("sample-logs"), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        let number = value.parse::<u32>();
        match (flag.as_str(), number) {
            ("--out", _) if !value.is_empty() => out = PathBuf::from(value),
            ("--seed", Ok(number)) => options.seed = u64::from(number.max(1)),
            ("--days", Ok(number)) => options.days = i64::from(number.max(1)),
            ("--roles", Ok(number)) => n_roles = Some(number as usize),
            ("--scale", Ok(number)) => options.scale = u64::from(number.max(1)),
            _ => {
                eprintln!("error: `{flag} {value}`\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    // Objects of an earlier run have other names: they must not stay beside the new ones.
    for stale in ["AWSLogs", "iam", "kubernetes"] {
        let _ = std::fs::remove_dir_all(out.join(stale));
    }
    let written = match n_roles {
        Some(n) => {
            world::organization::write(&out, options.seed, n).map(|n_records| format!("{n_records} records"))
        }
        None => world::write(&out, options).map(|truth| truth["events"].to_string()),
    };
    match written {
        Ok(said) => {
            println!("{}: {said}", out.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}: {error}", out.display());
            ExitCode::FAILURE
        }
    }
}
