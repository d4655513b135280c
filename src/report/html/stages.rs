//! How a removal is made in stages, and the trial under way.

use super::Context;
use super::markup::Markup;
use crate::report::stage::{Step, planned, running, steps, what};
use crate::report::{Role, RunningTrial, Stage, TrialVerdict};

/// Denied resources shown at once per action.
const RESOURCES: usize = 2;

pub(super) fn write(page: &mut Markup, context: &Context<'_>, role: &Role) {
    let Some(stage) = &role.stage else { return };
    page.raw("<h4>In stages</h4>");
    match &stage.running {
        Some(trial) => under_way(page, context, role, trial),
        None => plan(page, role, stage),
    }
    let steps = steps(role);
    if !steps.is_empty() {
        page.raw("<details class=\"more\"><summary>The stages with their commands</summary><pre tabindex=\"0\" data-copy>");
        page.text_lines(&commands(&steps)).raw("</pre></details>");
    }
}

fn plan(page: &mut Markup, role: &Role, stage: &Stage) {
    let Some(trial) = &stage.trial else {
        page.raw("<p class=\"muted\">No trial can be offered.</p>").sentences("plain", &stage.reasons);
        return;
    };
    page.raw("<p>").text(what(trial.kind)).raw(" Its trial: ");
    page.text(&planned(stage).unwrap_or_default()).raw(".</p>");
    page.sentences("plain", &trial.notes).sentences("plain", &stage.reasons);
    page.raw("<details class=\"more\"><summary>The trial's policy</summary><p class=\"policy\">");
    page.element("b", "", &trial.policy.name).raw(" <span class=\"muted\">for ").text(&role.name);
    page.raw("</span></p>").json(&trial.policy.document).raw("</details>");
}

fn under_way(page: &mut Markup, context: &Context<'_>, role: &Role, trial: &RunningTrial) {
    let class = match trial.verdict {
        TrialVerdict::Continue => "",
        TrialVerdict::Remove => "good",
        TrialVerdict::RollBack => "bad",
    };
    page.raw("<p>").badge(class, trial.verdict.as_str()).raw(" ").text(&running(trial)).raw(".</p>");
    page.sentences("plain", &trial.reasons);
    if trial.denied.is_empty() {
        return;
    }
    let caption = format!("What the trial denied {}", role.name);
    page.table(true, &caption, &["Action", "#Calls", "Resources", "Last seen", "Workloads"]).raw("<tbody>");
    for denial in &trial.denied {
        page.raw("<tr><th scope=\"row\">").code(&denial.action).raw("</th>").number_cell(denial.calls);
        page.raw("<td class=\"resources\">").codes(&denial.resources, RESOURCES).raw("</td><td>");
        page.time(denial.last_seen).raw("</td><td>");
        context.anchors.workloads(page, &denial.workloads);
        page.raw("</td></tr>\n");
    }
    page.end_table();
}

/// The stages as one text of commands; what happens in each is told among the terms.
fn commands(steps: &[Step]) -> String {
    let mut lines = Vec::new();
    for step in steps {
        lines.push(format!("# {}", step.title));
        lines.extend(step.commands.iter().cloned());
        lines.push("# and the way back:".to_owned());
        lines.extend(step.rollback.iter().cloned());
        lines.push(String::new());
    }
    lines.join("\n")
}
