//! Findings as cards, worst first.

use super::markup::Markup;
use super::{Context, risks, words};
use crate::finding::Code;
use crate::report::text::worst_first;
use crate::report::{Finding, FindingEvidence, Severity};

pub(super) fn write(page: &mut Markup, context: &Context<'_>) {
    let findings = worst_first(context.report);
    page.raw("<section id=\"findings\" aria-labelledby=\"findings-title\">\n<h2 id=\"findings-title\">Findings</h2>\n");
    if findings.is_empty() {
        page.raw("<p class=\"muted\">Nothing to report.</p></section>\n");
        return;
    }
    // The controls work with the script only, which takes `hidden` away.
    page.raw("<div class=\"tools\" hidden data-tools><div class=\"toggles\" role=\"group\" aria-label=\"Severities shown\">");
    for (severity, n) in context.summary.severities.iter().filter(|(_, n)| *n > 0) {
        let word = severity.as_str();
        page.raw("<button type=\"button\" aria-pressed=\"true\" data-toggle=\"")
            .raw(word)
            .raw("\"><span class=\"dot b-");
        page.raw(word).raw("\"></span>").raw(word).raw(" <b>").number(*n).raw("</b></button>");
    }
    page.raw("</div><label class=\"search\"><span>Kind</span><select data-kinds><option value=\"\">all kinds</option>");
    for (code, _, n) in risks::kinds(context.report) {
        page.raw("<option")
            .attribute("value", code)
            .raw(">")
            .text(code)
            .raw(" (")
            .number(n)
            .raw(")</option>");
    }
    page.raw("</select></label><label class=\"search\"><span>Search findings</span><input type=\"search\" data-filter=\"finding-list\" ");
    page.raw("autocomplete=\"off\"></label><output aria-live=\"polite\" data-count=\"finding-list\"></output></div>\n");
    page.raw("<div id=\"finding-list\" class=\"findings\">\n");
    for finding in findings {
        card(page, context, finding);
    }
    page.raw("</div></section>\n");
}

fn card(page: &mut Markup, context: &Context<'_>, finding: &Finding) {
    let word = finding.severity.as_str();
    page.raw("<article class=\"finding s-").raw(word).raw("\" data-row data-severity=\"").raw(word).raw("\"");
    page.attribute("data-code", &finding.code);
    page.attribute("id", &anchor(finding)).raw("><header>");
    severity(page, finding.severity);
    page.raw("<h3>").prose(&finding.title).raw("</h3></header><p class=\"subject\">");
    context.anchors.role(page, &finding.subject);
    page.raw("</p>");
    if !finding.detail.is_empty() {
        page.raw("<p>").prose(&finding.detail).raw("</p>");
    }
    let exception = crate::report::text::exception(finding);
    if !exception.is_empty() {
        page.raw("<p class=\"muted\">").prose(exception.trim()).raw("</p>");
    }
    if !finding.fix.is_empty() {
        page.raw("<p class=\"fix\"><b>What to do</b> ").prose(&finding.fix).raw("</p>");
    }
    page.raw("<details class=\"more\"><summary>Evidence and controls</summary>");
    page.held(context.is_large, |page| evidence_and_controls(page, finding));
    page.raw("</details></article>\n");
}

fn evidence_and_controls(page: &mut Markup, finding: &Finding) {
    if !finding.evidence.is_empty() {
        page.raw("<ul class=\"evidence\">");
        for evidence in &finding.evidence {
            one_evidence(page, evidence);
        }
        page.raw("</ul>");
    }
    page.raw("<p class=\"meta\"><span><span class=\"muted\">code</span> ");
    match Code::from_word(&finding.code) {
        Some(code) => {
            let to = format!("#{}", words::anchor(code.as_str()));
            page.raw("<a").attribute("href", &to).raw(">").code(&finding.code).raw("</a>")
        }
        None => page.code(&finding.code),
    };
    page.raw("</span><span><span class=\"muted\">confidence</span> ")
        .raw(finding.confidence.as_str())
        .raw("</span>");
    if let Some(integrity) = finding.integrity {
        page.raw("<span><span class=\"muted\">logs</span> ").raw(integrity.as_str()).raw("</span>");
    }
    for (framework, controls) in finding.controls.iter().filter(|(_, controls)| !controls.is_empty()) {
        page.raw("<span><span class=\"muted\">")
            .text(framework)
            .raw("</span> ")
            .text(&controls.join(", "))
            .raw("</span>");
    }
    if let Some(place) = &finding.location {
        page.raw("<span><span class=\"muted\">at</span> ")
            .code(&format!("{}:{}", place.file, place.line))
            .raw("</span>");
    }
    page.raw("</p>");
}

fn one_evidence(page: &mut Markup, evidence: &FindingEvidence) {
    page.raw("<li>");
    match evidence {
        FindingEvidence::Event(id) => {
            page.raw("event ").code(id);
        }
        FindingEvidence::Document { file, at } => {
            page.raw("file ").code(file);
            if !at.is_empty() {
                page.raw(" at ").code(at);
            }
        }
        FindingEvidence::Fact(text) => {
            page.prose(text);
        }
    }
    page.raw("</li>");
}

/// The id of a finding's card.
pub(super) fn anchor(finding: &Finding) -> String {
    format!("finding-{}", super::slug(&finding.id))
}

/// The word of a severity on its colour.
pub(super) fn severity(page: &mut Markup, severity: Severity) {
    page.raw("<span class=\"badge s-")
        .raw(severity.as_str())
        .raw("\">")
        .raw(severity.as_str())
        .raw("</span>");
}
