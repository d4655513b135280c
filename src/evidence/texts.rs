//! The texts of a bundle.

use super::Inputs;
use crate::report::{Report, markdown_text};

/// How to check the bundle, for somebody who does not have this program.
pub(super) fn readme(report: &Report, inputs: Option<&Inputs>) -> String {
    let window = |time: Option<crate::ident::Time>| {
        time.map_or_else(|| "(no limit)".to_owned(), |time| time.to_string())
    };
    let mut text = format!(
        "Evidence of permissions granted and used on AWS\n\
         \n\
         Made by leastwise {} with the IAM catalog of {}, from {} CloudTrail events\n\
         between {} and {} (UTC).\n\
         \n",
        report.tool.version,
        report.tool.catalog.date,
        report.coverage.events.counted,
        window(report.window.from),
        window(report.window.to),
    );
    let reasons = report.incompleteness();
    if reasons.is_empty() {
        text.push_str("Everything that was listed could be read.\n");
    } else {
        text.push_str("NOT COMPLETE:\n");
        text.extend(reasons.iter().map(|reason| format!("- {}\n", crate::report::printable(reason))));
    }
    text.push_str(
        "\nWhat is here\n\
         \n\
         report.html, report.md, report.json  the report, for people and programs\n\
         population/                          every role, permission, workload and finding, one a line\n\
         samples/events.csv                   for each use and finding a CloudTrail event that shows it\n\
         controls.csv                         controls of SOC 2, ISO/IEC 27001:2022 and NIST SP 800-53 and what speaks to them\n\
         sign-off.md                          to be filled in by the reviewer: generation is no review\n\
         assessment-results.oscal.json        the same in NIST's OSCAL\n\
         findings.sarif, findings.ocsf.json   findings for other tools\n\
         input/coverage.json                  what was read, what was missing, what the trails record, log file integrity\n\
         input/settings.json                  program, catalog and settings\n",
    );
    if inputs.is_some() {
        text.push_str("input/objects.csv                    every input file with its SHA-256\n");
    }
    let is_of_ledger = inputs.is_some_and(|inputs| !inputs.ledger.is_empty());
    if is_of_ledger {
        text.push_str(
            "input/ledger.csv                     what the ledger was made from, as it was read: size, ETag, and, where the ledger keeps\n\
             \u{20}                                    it (ingest --verify-logs), the SHA-256 of the text that CloudTrail's digest files tell\n",
        );
    }
    let again = if is_of_ledger { "--store LEDGER" } else { "--logs LOGS" };
    text.push_str(&format!(
        "\nHow to check it\n\
         \n\
         Nothing was changed:      sha256sum -c SHA256SUMS\n\
         Who signed it:            minisign -V -p KEY.pub -m SHA256SUMS\n\
         When it existed:          openssl ts -verify -data SHA256SUMS -in SHA256SUMS.tsr -CAfile CA.pem\n\
         It follows from the data: leastwise evidence verify . {again} --iam SNAPSHOTS\n\
         \n\
         (The second and third where SHA256SUMS.minisig and SHA256SUMS.tsr are present.)\n",
    ));
    text
}

/// A sheet for the reviewer.
pub(super) fn sign_off(report: &Report) -> String {
    let mut text = String::from(
        "# Sign-off\n\n\
         This sheet is empty on purpose. A report that was generated is not a review: a person decides, and signs.\n\n\
         | | |\n|---|---|\n| Reviewer | |\n| Role | |\n| Date | |\n| Signature | |\n\n\
         ## Findings of high and critical severity\n\n\
         | finding | subject | accepted, fixed or refused | owner | date | ticket |\n|---|---|---|---|---|---|\n",
    );
    let serious = report.findings.iter().filter(|finding| finding.severity >= crate::report::Severity::High);
    for finding in serious {
        text.push_str(&format!(
            "| {} | {} | | | | |\n",
            markdown_text(&finding.title),
            markdown_text(&finding.subject)
        ));
    }
    text.push_str("\n## Calls that no workload could be named for\n\n| role | calls | explained by | owner | date |\n|---|---|---|---|---|\n");
    for one in &report.unattributed {
        text.push_str(&format!("| {} | {} | | | |\n", markdown_text(&one.role), one.calls));
    }
    text.push_str(
        "\n## Proposals\n\n| role | proposal | applied on | by | ticket |\n|---|---|---|---|---|\n",
    );
    for role in &report.roles {
        text.push_str(&format!(
            "| {} | {} | | | |\n",
            markdown_text(&role.arn),
            role.proposal.verdict.as_str()
        ));
    }
    text
}
