//! From a stage to the report's types. No decision is made here.

use crate::policy;
use crate::report;
use crate::rightsize::{Attach, Running, Stage, Trial, TrialKind, TrialVerdict};

use super::role_view;

/// The report's entry of a role's stages; `None` where there is nothing to say.
pub(super) fn stage(stage: &Stage) -> Option<report::Stage> {
    let is_empty = stage.trial.is_none() && stage.running.is_none() && stage.reasons.is_empty();
    (!is_empty).then(|| report::Stage {
        watch_days: stage.watch_days,
        trial: stage.trial.as_ref().map(trial),
        running: stage.running.as_ref().map(running),
        reasons: stage.reasons.clone(),
    })
}

const fn kind(kind: TrialKind) -> report::TrialKind {
    match kind {
        TrialKind::Deny => report::TrialKind::Deny,
        TrialKind::DenyAll => report::TrialKind::DenyAll,
        TrialKind::Boundary => report::TrialKind::Boundary,
    }
}

const fn attach(attach: Attach) -> report::Attach {
    match attach {
        Attach::Inline => report::Attach::Inline,
        Attach::Managed => report::Attach::Managed,
    }
}

fn trial(trial: &Trial) -> report::Trial {
    report::Trial {
        kind: kind(trial.kind),
        policy: report::ProposedPolicy {
            name: trial.name.clone(),
            arn: None,
            attach: attach(trial.attach),
            characters: trial.characters as u64,
            document: policy::render(&trial.document),
        },
        exact: trial.is_exact,
        proof: role_view::proof(&trial.proof),
        replay: role_view::replay(&trial.replay),
        notes: trial.notes.clone(),
    }
}

fn running(running: &Running) -> report::RunningTrial {
    report::RunningTrial {
        kind: kind(running.kind),
        attach: attach(running.attach),
        name: running.name.clone(),
        arn: running.arn.clone(),
        since: running.since,
        event: running.event.clone(),
        days: running.days,
        watch_days: running.watch_days,
        covers_proposal: running.covers_proposal,
        denied: running
            .denied
            .iter()
            .map(|denial| report::TrialDenial {
                action: denial.action.to_string(),
                resources: denial.resources.iter().cloned().collect(),
                calls: denial.calls,
                first_seen: Some(denial.first),
                last_seen: Some(denial.last),
                workloads: denial.workloads.iter().cloned().collect(),
                sample: denial.sample.to_string(),
            })
            .collect(),
        verdict: match running.verdict {
            TrialVerdict::Continue => report::TrialVerdict::Continue,
            TrialVerdict::Remove => report::TrialVerdict::Remove,
            TrialVerdict::RollBack => report::TrialVerdict::RollBack,
        },
        reasons: running.reasons.clone(),
    }
}
