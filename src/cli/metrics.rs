//! A run's numbers for schedulers and dashboards.

use std::io::Write;
use std::path::Path;

use leastwise::report::{self, Report, RunEnd};

use super::{Failure, Terminal};

/// Writes the file as a whole: whoever reads it while it is written sees the old one or the new one.
pub(super) fn write(file: &Path, report: &Report, end: RunEnd) -> Result<(), Failure> {
    write_as(file, |text| report::write_prometheus(report, end, text))
}

/// The same of a run that failed.
pub(super) fn write_end(file: &Path, end: RunEnd) -> Result<(), Failure> {
    write_as(file, |text| report::write_prometheus_end(end, text))
}

fn write_as(file: &Path, make: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written =
        tempfile::Builder::new().prefix(".leastwise-metrics").tempfile_in(folder).and_then(|mut new| {
            let mut text = Vec::new();
            make(&mut text)?;
            new.write_all(&text)?;
            readable_by_all(new.path())?;
            new.persist(file).map(drop).map_err(|error| error.error)
        });
    written.map_err(|error| {
        Failure::failed(format!("the metrics cannot be written to `{}`", file.display())).because(&error)
    })
}

/// A scratch file is its owner's alone, and collectors run as somebody else.
#[cfg(unix)]
fn readable_by_all(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// One line on standard error, where the messages of a container go to CloudWatch Logs.
pub(super) fn print_emf(report: &Report, end: RunEnd, terminal: &Terminal) -> Result<(), Failure> {
    let mut line = Vec::new();
    report::write_emf(report, end, &mut line)
        .map_err(|error| Failure::failed("the metrics cannot be written").because(&error))?;
    terminal.line(&String::from_utf8_lossy(&line));
    Ok(())
}
