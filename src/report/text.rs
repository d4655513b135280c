//! For a person at a terminal: totals, then the roles with the most to lose, then findings by severity.

use std::cmp::Reverse;
use std::io::{self, Write};

use super::escape::printable;
use super::summary::{Summary, advice, by_excess, count, number, percent};
use super::{
    Finding, Integrity, ProposalVerdict, Report, Role, ServiceGrant, Severity, UsedAction, Verdicts,
};

/// Whether the text may hold ANSI colours; nothing is said by colour alone.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Colour {
    /// Characters only.
    #[default]
    Plain,
    /// With SGR escape sequences.
    Ansi,
}

/// Roles shown; the files of a report folder have them all.
const MAX_ROLES: usize = 20;
/// Of so many roles or fewer, the services are shown, too.
const SINGLE_ROLES: usize = 3;
/// Services shown of one.
const MAX_SERVICES: usize = 30;
/// Used actions named behind a service.
const MAX_NAMES: usize = 8;
/// Findings shown.
const MAX_FINDINGS: usize = 30;
/// Problems of digest files shown.
const MAX_PROBLEMS: usize = 5;
/// Characters of a bar.
const BAR: u64 = 24;
/// Characters of a role's name before it is shortened.
const NAME: usize = 44;

/// The terse view.
pub fn write_text(report: &Report, colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { colour, out };
    let summary = Summary::of(report);
    page.head(report)?;
    page.totals(report, &summary)?;
    page.roles(report)?;
    if report.roles.len() <= SINGLE_ROLES {
        for role in report.roles.iter().filter(|role| !role.granted.services.is_empty()) {
            page.services(role)?;
        }
    }
    page.findings(report, &summary)
}

/// The text under way.
struct Page<'a> {
    colour: Colour,
    out: &'a mut dyn Write,
}

impl Page<'_> {
    fn head(&mut self, report: &Report) -> io::Result<()> {
        let title = self.paint("1", "leastwise audit");
        writeln!(self.out, "{title}  {}", window(report))?;
        for reason in report.incompleteness() {
            let word = self.paint("1;33", "not complete:");
            writeln!(self.out, "{word} {}", printable(&reason))?;
        }
        writeln!(self.out)
    }

    fn totals(&mut self, report: &Report, summary: &Summary) -> io::Result<()> {
        let verdicts = summary.verdicts;
        let total = verdicts.total();
        let roles = report.roles.len() as u64;
        let mut parts = vec![count(roles, "role", "roles")];
        for (verdict, n) in summary.proposals.iter().filter(|(_, n)| *n > 0) {
            let proven = match verdict {
                ProposalVerdict::Replace => format!(" ({} proven)", number(summary.proven)),
                _ => String::new(),
            };
            parts.push(format!("{} {}{proven}", number(*n), advice(*verdict)));
        }
        self.line("Roles", &parts)?;
        let mut parts = vec![count(total, "action granted", "actions granted")];
        if total > 0 {
            parts.push(format!("{} used ({})", number(verdicts.used), percent(verdicts.used, total)));
            parts.extend(
                named(verdicts)
                    .into_iter()
                    .skip(1)
                    .filter(|(_, n)| *n > 0)
                    .map(|(word, n)| format!("{} {word}", number(n))),
            );
        }
        self.line("Permissions", &parts)?;
        let attributed: u64 = summary.attribution.iter().map(|(_, n)| n).sum();
        let mut parts = vec![count(report.workloads.len() as u64, "workload", "workloads")];
        parts.extend(
            summary
                .attribution
                .iter()
                .filter(|(_, n)| *n > 0)
                .map(|(grade, n)| format!("{} of calls {}", percent(*n, attributed), grade.as_str())),
        );
        self.line("Attribution", &parts)?;
        if summary.held_out.0 > 0 {
            let (requests, retained) = summary.held_out;
            let share = format!(
                "{} of {} of the window's last fifth would pass policies learned before it ({})",
                number(retained),
                count(requests, "request", "requests"),
                percent(retained, requests)
            );
            self.line("Held out", &[share])?;
        }
        self.line("Calls", &[number(summary.calls), format!("{} denied", number(summary.denied))])?;
        let coverage = &report.coverage;
        let objects = coverage.objects;
        let mut parts = vec![count(objects.read, "object read", "objects read")];
        parts.extend((objects.skipped > 0).then(|| format!("{} skipped", number(objects.skipped))));
        parts.extend((objects.failed > 0).then(|| format!("{} failed", number(objects.failed))));
        let retries = coverage.retries;
        parts.extend((retries > 0).then(|| count(retries, "request repeated", "requests repeated")));
        parts.push(count(coverage.events.counted, "call counted", "calls counted"));
        parts.push(format!("{} read", count(coverage.events.read, "event", "events")));
        parts.push(format!("integrity {}", coverage.integrity.status.as_str()));
        self.line("Logs", &parts)?;
        self.integrity(&coverage.integrity)
    }

    /// What digest files prove, when there are any.
    fn integrity(&mut self, integrity: &Integrity) -> io::Result<()> {
        if integrity.digests == 0 {
            return Ok(());
        }
        let parts = [
            count(integrity.digests, "digest file", "digest files"),
            format!("{} verified", count(integrity.files_verified, "log file", "log files")),
            format!("{} not", number(integrity.files_unverified)),
            count(integrity.problems.len() as u64, "problem", "problems"),
        ];
        self.line("Integrity", &parts)?;
        for problem in integrity.problems.iter().take(MAX_PROBLEMS) {
            writeln!(self.out, "             {}", printable(problem))?;
        }
        rest(integrity.problems.len(), MAX_PROBLEMS, self.out)
    }

    fn line(&mut self, word: &str, parts: &[String]) -> io::Result<()> {
        let word = self.paint("1", &format!("{word:<12}"));
        writeln!(self.out, "{word} {}", parts.join(" · "))
    }

    fn roles(&mut self, report: &Report) -> io::Result<()> {
        let granted: Vec<&Role> = by_excess(report).into_iter().filter(|role| role.in_snapshot).collect();
        let Some(first) = granted.first() else {
            return Ok(());
        };
        let most = granted.iter().map(|role| role.granted.actions).max().unwrap_or(first.granted.actions);
        let head = self.paint("1", "Roles by excess");
        writeln!(self.out, "\n{head}   {}", self.legend())?;
        for role in granted.iter().take(MAX_ROLES) {
            let verdicts = role.granted.verdicts;
            let proven = match role.proposal.verdict {
                ProposalVerdict::Replace if role.proposal.is_proven() => ", proven",
                ProposalVerdict::Replace => ", not proven",
                _ => "",
            };
            writeln!(
                self.out,
                "  {} {} {:>7} granted {:>6} used {:>7} unused  {}{proven}",
                fitted(&format!("{}/{}", role.account, role.name)),
                self.bar(verdicts, most),
                number(role.granted.actions),
                number(verdicts.used),
                number(verdicts.unused),
                advice(role.proposal.verdict),
            )?;
        }
        rest(granted.len(), MAX_ROLES, self.out)
    }

    /// What became of each service of a role: those with the most unused actions first.
    fn services(&mut self, role: &Role) -> io::Result<()> {
        let name = format!("{}/{}", role.account, role.name);
        writeln!(self.out, "\n{}", self.paint("1", &printable(&name)))?;
        let mut services: Vec<&ServiceGrant> = role.granted.services.iter().collect();
        services.sort_by_key(|service| {
            (Reverse(service.verdicts.unused), Reverse(service.actions), &service.service)
        });
        let most = services.iter().map(|service| service.actions).max().unwrap_or_default();
        for service in services.iter().take(MAX_SERVICES) {
            let verdicts = service.verdicts;
            let own =
                |used: &&UsedAction| used.action.split_once(':').is_some_and(|(of, _)| of == service.service);
            let names: Vec<&str> = role
                .used
                .iter()
                .filter(own)
                .filter_map(|used| used.action.split_once(':').map(|(_, name)| name))
                .collect();
            let mut parts: Vec<String> = named(verdicts)
                .into_iter()
                .filter(|(_, n)| *n > 0)
                .map(|(word, n)| format!("{} {word}", number(n)))
                .collect();
            if !names.is_empty() {
                let shown = names.iter().take(MAX_NAMES).copied().collect::<Vec<_>>().join(" ");
                let more = if names.len() > MAX_NAMES { " …" } else { "" };
                parts.push(format!("used {shown}{more}"));
            }
            let bar = self.bar(verdicts, most);
            let line = format!("{:>7} granted: {}", number(service.actions), parts.join(", "));
            writeln!(self.out, "  {:<20} {bar} {}", printable(&service.service), printable(&line))?;
        }
        rest(services.len(), MAX_SERVICES, self.out)
    }

    fn findings(&mut self, report: &Report, summary: &Summary) -> io::Result<()> {
        if report.findings.is_empty() {
            return writeln!(self.out, "\nNo findings");
        }
        let counts: Vec<String> = summary
            .severities
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(severity, n)| format!("{} {}", number(*n), severity.as_str()))
            .collect();
        let head = self.paint("1", "Findings");
        writeln!(self.out, "\n{head}   {}", counts.join(" · "))?;
        for finding in worst_first(report).into_iter().take(MAX_FINDINGS) {
            let word = format!("{:<8}", finding.severity.as_str());
            let word = self.paint(severity_colour(finding.severity), &word);
            let excepted = exception(finding);
            writeln!(self.out, "  {word} {}{}", printable(&finding.title), printable(&excepted))?;
            writeln!(self.out, "           {}  {}", printable(&finding.code), printable(&finding.subject))?;
        }
        rest(report.findings.len(), MAX_FINDINGS, self.out)
    }

    /// A bar whose length shows how much is granted and whose parts show what became of it.
    fn bar(&self, verdicts: Verdicts, most: u64) -> String {
        let mut bar = String::new();
        let mut filled = 0;
        let mut sum = 0;
        for ((_, n), (mark, code)) in named(verdicts).into_iter().zip(MARKS) {
            sum += n;
            // Rounding the running sum keeps the parts' total right; something is never shown as nothing at all.
            let end = (sum * BAR).div_ceil(most.max(1)).min(BAR);
            let width = usize::try_from(end.saturating_sub(filled)).unwrap_or_default();
            bar.push_str(&self.paint(code, &mark.to_string().repeat(width)));
            filled = filled.max(end);
        }
        bar.push_str(&" ".repeat(usize::try_from(BAR.saturating_sub(filled)).unwrap_or_default()));
        bar
    }

    fn legend(&self) -> String {
        let parts: Vec<String> = named(Verdicts::default())
            .iter()
            .zip(MARKS)
            .map(|((word, _), (mark, code))| format!("{} {word}", self.paint(code, &mark.to_string())))
            .collect();
        parts.join("  ")
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.colour {
            Colour::Ansi if !text.is_empty() => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            _ => text.to_owned(),
        }
    }
}

/// How each verdict is drawn, in the order of [`named`]: mark and SGR code.
const MARKS: [(char, &str); 5] = [('█', "32"), ('·', "31"), ('?', "33"), ('~', "36"), ('x', "90")];

/// The verdicts with their words, in the contract's order.
pub(super) const fn named(verdicts: Verdicts) -> [(&'static str, u64); 5] {
    [
        ("used", verdicts.used),
        ("unused", verdicts.unused),
        ("undetermined", verdicts.undetermined),
        ("unobservable", verdicts.unobservable),
        ("blocked", verdicts.blocked),
    ]
}

/// The window and the accounts, in words.
pub(super) fn window(report: &Report) -> String {
    let window = &report.window;
    let accounts = count(report.coverage.accounts.len() as u64, "account", "accounts");
    match (window.from, window.to) {
        (Some(from), Some(to)) => {
            format!("{from} to {to} ({}), {accounts}", count(window.days, "day", "days"))
        }
        _ => format!("no events, {accounts}"),
    }
}

/// The findings, worst first, else as the report has them.
pub(super) fn worst_first(report: &Report) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// That somebody answers for a finding, or did.
pub(super) fn exception(finding: &Finding) -> String {
    finding.exception.as_ref().map_or_else(String::new, |exception| {
        let (owner, reason, expires) = (&exception.owner, &exception.reason, exception.expires);
        match exception.expired {
            false => format!(" (excepted by {owner} until {expires}: {reason})"),
            true => format!(" (the exception of {owner} expired {expires}: {reason})"),
        }
    })
}

const fn severity_colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "1;31",
        Severity::High => "31",
        Severity::Medium => "33",
        Severity::Low => "36",
        Severity::Info => "90",
    }
}

/// A name in exactly [`NAME`] characters, shortened in the middle where both ends tell it from its neighbours.
fn fitted(text: &str) -> String {
    let text = printable(text);
    let length = text.chars().count();
    if length <= NAME {
        return format!("{text:<NAME$}");
    }
    let head: String = text.chars().take(NAME / 2).collect();
    let tail: String = text.chars().skip(length - (NAME - NAME / 2 - 1)).collect();
    format!("{head}…{tail}")
}

fn rest(total: usize, shown: usize, out: &mut dyn Write) -> io::Result<()> {
    if total > shown {
        writeln!(out, "  … and {} more", number((total - shown) as u64))?;
    }
    Ok(())
}
