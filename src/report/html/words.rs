//! The words of the report.

use std::collections::BTreeSet;

use super::Context;
use super::markup::Markup;
use crate::finding::Code;

pub(super) fn write(page: &mut Markup, context: &Context<'_>) {
    page.raw(
        r#"<section id="words" aria-labelledby="words-title">
<h2 id="words-title">Terms</h2>
<dl class="words">
<div><dt>Call</dt><dd>One API call, counted once however many copies of its event were delivered. A call needs no, one or several IAM actions. A denied call is never use.</dd></div>
<div><dt><span class="dot b-used"></span>Used</dt><dd>An event shows the action (<i>observed</i>), or another event's parameters prove it where CloudTrail never shows it (<i>inferred</i>, as with <code>iam:PassRole</code>).</dd></div>
<div><dt><span class="dot b-unused"></span>Unused</dt><dd>CloudTrail would have shown the action, and did not, over a window that the logs cover.</dd></div>
<div><dt><span class="dot b-undetermined"></span>Undetermined</dt><dd>The window is too short or logs are missing, so absence proves nothing.</dd></div>
<div><dt><span class="dot b-unobservable"></span>Unobservable</dt><dd>CloudTrail never logs the action, or it is a data event whose logging is not on.</dd></div>
<div><dt><span class="dot b-blocked"></span>Blocked</dt><dd>A boundary, an organization policy or a deny takes the granted action away anyway.</dd></div>
<div><dt>Workload</dt><dd>What ran: a Kubernetes service account, a CI job, a function, an instance, a person. A chained session belongs to the workload at the start of its chain.</dd></div>
<div><dt>Attribution</dt><dd><i>Exact</i>: joined to the issuance of its credentials by access key id. <i>Session</i>: by role id and session name, or by session tags. <i>Inferred</i>: the issuance is not in the logs, but the trust policy admits exactly one subject. <i>Unknown</i>: nothing proves it.</dd></div>
<div><dt>Excess score</dt><dd>The share of a role's power that was shown to be unused, in per cent: the weight of its unused actions of the weight of all it is granted. An action weighs 10 for permissions management, 3 for write, 2 for tagging, 1 for read and 0 for list, and twice that where it is granted on every resource of a type. Actions the logs could not have shown count as granted, not as unused.</dd></div>
<div><dt>Allows nothing new</dt><dd>Proven for every possible request, not for a sample: each request the proposed policies allow is allowed by the present ones.</dd></div>
<div><dt>In stages</dt><dd>First a trial is put on the role, which takes away what the removal would and nothing else. It is watched: a snapshot and an audit with logs since it began say on which day it is and what it denied. Then the proposed policies are put on and the old ones and the trial taken off; a role that goes is saved to a folder first. Each stage has a way back.</dd></div>
<div><dt>Replay</dt><dd>Each distinct request seen to succeed through the role's own policies is put to the proposed ones.</dd></div>
</dl>
"#,
    );
    kinds(page, context);
    page.raw("</section>\n");
}

/// What each kind of finding on the page means; the catalogue has all kinds.
fn kinds(page: &mut Markup, context: &Context<'_>) {
    let codes: BTreeSet<&str> = context.report.findings.iter().map(|finding| finding.code.as_str()).collect();
    let known: Vec<Code> = codes.into_iter().filter_map(Code::from_word).collect();
    if known.is_empty() {
        return;
    }
    page.raw("<h3>Kinds of findings</h3>\n<dl class=\"words\">\n");
    for code in known {
        let info = code.info();
        page.raw("<div").attribute("id", &anchor(info.word)).raw("><dt>").code(info.word).raw("</dt><dd>");
        page.prose(info.meaning).raw(" <span class=\"muted\">Severity:</span> ").prose(info.severity_rule);
        page.raw("</dd></div>\n");
    }
    page.raw("</dl>\n");
}

/// Where a kind of finding is told.
pub(super) fn anchor(word: &str) -> String {
    format!("code-{word}")
}
