//! The words of the report.

use super::markup::Markup;

pub(super) fn write(page: &mut Markup) {
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
<div><dt>Allows nothing new</dt><dd>Proven for every possible request, not for a sample: each request the proposed policies allow is allowed by the present ones.</dd></div>
<div><dt>Replay</dt><dd>Each distinct request seen to succeed through the role's own policies is put to the proposed ones.</dd></div>
</dl>
</section>
"#,
    );
}
