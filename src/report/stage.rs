//! The stages of a removal in words and commands, for the pages people read.

use super::summary::count;
use super::{
    Attach, ProposalVerdict, Role, RunningTrial, Stage, Trial, TrialDenial, TrialKind, TrialVerdict, code,
};
use crate::ident::Arn;

/// One stage.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Step {
    /// What it is, in a few words.
    pub(super) title: String,
    /// What happens in it, a sentence each.
    pub(super) text: Vec<String>,
    /// Commands, with documents as files.
    pub(super) commands: Vec<String>,
    /// Commands that take it back.
    pub(super) rollback: Vec<String>,
}

/// The policy of a trial that is to be begun or is under way: kind, how it is attached, name and ARN.
pub(super) struct TrialPolicy<'r> {
    pub(super) kind: TrialKind,
    pub(super) attach: Attach,
    pub(super) name: &'r str,
    pub(super) arn: String,
}

impl<'r> TrialPolicy<'r> {
    pub(super) fn of(role: &'r Role) -> Option<Self> {
        let stage = role.stage.as_ref()?;
        let partition = Arn::parse(&role.arn).map_or("aws", |arn| arn.partition);
        let arn = |name: &str| format!("arn:{partition}:iam::{}:policy/{name}", role.account);
        match (&stage.running, &stage.trial) {
            (Some(RunningTrial { kind, attach, name, arn: own, .. }), _) => Some(Self {
                kind: *kind,
                attach: *attach,
                name,
                arn: own.clone().unwrap_or_else(|| arn(name)),
            }),
            (None, Some(Trial { kind, policy, .. })) => {
                Some(Self { kind: *kind, attach: policy.attach, name: &policy.name, arn: arn(&policy.name) })
            }
            (None, None) => None,
        }
    }

    /// Calls of `aws iam` that put it on; `document` stands for its text.
    pub(super) fn on(&self, role: &str, document: &str) -> Vec<String> {
        let (name, arn) = (code::quoted(self.name), code::quoted(&self.arn));
        let create = format!("create-policy --policy-name {name} --policy-document {document}");
        match (self.kind, self.attach) {
            (TrialKind::Boundary, _) => vec![
                create,
                format!("put-role-permissions-boundary --role-name {role} --permissions-boundary {arn}"),
            ],
            (_, Attach::Inline) => {
                vec![format!(
                    "put-role-policy --role-name {role} --policy-name {name} --policy-document {document}"
                )]
            }
            (_, Attach::Managed) => {
                vec![create, format!("attach-role-policy --role-name {role} --policy-arn {arn}")]
            }
        }
    }

    /// Calls of `aws iam` that take it off.
    pub(super) fn off(&self, role: &str) -> Vec<String> {
        let (name, arn) = (code::quoted(self.name), code::quoted(&self.arn));
        let delete = format!("delete-policy --policy-arn {arn}");
        match (self.kind, self.attach) {
            (TrialKind::Boundary, _) => {
                vec![format!("delete-role-permissions-boundary --role-name {role}"), delete]
            }
            (_, Attach::Inline) => {
                vec![format!("delete-role-policy --role-name {role} --policy-name {name}")]
            }
            (_, Attach::Managed) => {
                vec![format!("detach-role-policy --role-name {role} --policy-arn {arn}"), delete]
            }
        }
    }
}

/// The stages of a role's removal; empty when there is neither a trial to begin nor one under way.
pub(super) fn steps(role: &Role) -> Vec<Step> {
    let (Some(stage), Some(policy)) = (&role.stage, TrialPolicy::of(role)) else { return Vec::new() };
    let name = code::quoted(&role.name);
    let aws =
        |calls: Vec<String>| calls.into_iter().map(|call| format!("aws iam {call}")).collect::<Vec<_>>();
    let days = stage.running.as_ref().map_or(stage.watch_days, |running| running.watch_days);
    let mut steps = Vec::new();
    let off = aws(policy.off(&name));
    if let Some(trial) = &stage.trial {
        let mut text = vec![what(policy.kind).to_owned()];
        text.extend(trial.notes.iter().cloned());
        if role.proposal.trust.is_some() {
            text.push("The trust policy stays as it is until the last stage.".to_owned());
        }
        let document = format!("file://trials/{}/{}.json", role.account, role.name);
        steps.push(Step {
            title: "Stage 1: try".to_owned(),
            text,
            commands: aws(policy.on(&name, &code::quoted(&document))),
            rollback: off.clone(),
        });
    }
    steps.push(Step {
        title: format!("Stage 2: watch for {}", count(days, "day", "days")),
        text: vec![
            "Take a snapshot while the trial is on and audit with logs since it began: the audit says on which day it is, what was denied, and whether to go on or back.".to_owned(),
        ],
        commands: vec![
            "leastwise snapshot --out iam".to_owned(),
            format!("leastwise audit LOGS --iam iam --role {name}"),
        ],
        rollback: off.clone(),
    });
    let (title, text, what) = match role.proposal.verdict {
        ProposalVerdict::DeleteRole => (
            "Stage 3: delete the role",
            "Saves all there is of the role into a folder first, then deletes it and what was made for the trial.",
            "restore makes the role again from what was saved; a role made again has another unique id, so policies elsewhere that name it must be saved again.",
        ),
        _ => (
            "Stage 3: replace the policies",
            "Puts the proposed policies on, takes the old ones off, then the trial.",
            "restore puts back every document the report saw.",
        ),
    };
    let script = format!("bash trial.sh finish {name}");
    steps.push(Step {
        title: title.to_owned(),
        text: vec![text.to_owned(), what.to_owned()],
        commands: vec![
            format!("leastwise rightsize {name} --report REPORT --staged --format aws-cli > trial.sh"),
            script,
        ],
        rollback: vec![format!("bash trial.sh restore {name}")],
    });
    steps
}

/// What a trial does, as a sentence.
pub(super) const fn what(kind: TrialKind) -> &'static str {
    match kind {
        TrialKind::Deny => {
            "A policy that only denies takes away what would go; the role's own policies stay as they are."
        }
        TrialKind::DenyAll => "A policy denies the role everything; the role itself stays as it is.",
        TrialKind::Boundary => {
            "A permissions boundary limits the role to what is proposed; its own policies stay as they are."
        }
    }
}

/// A trial under way in one line.
pub(super) fn running(running: &RunningTrial) -> String {
    let day = match running.since {
        Some(since) => format!("day {} of {}, since {since}", running.days, running.watch_days),
        None => format!("of {} days, since when is not known", running.watch_days),
    };
    let verdict = match running.verdict {
        TrialVerdict::Continue => "continue",
        TrialVerdict::Remove => "go on to removal",
        TrialVerdict::RollBack => "roll back",
    };
    let denied: u64 = running.denied.iter().map(|denial| denial.calls).sum();
    format!(
        "{} {} ({day}): {} denied, {verdict}",
        running.kind.as_str(),
        running.name,
        count(denied, "call", "calls")
    )
}

/// What a trial denied of one action, in one line.
pub(super) fn denial(denial: &TrialDenial) -> String {
    let on = match denial.resources.as_slice() {
        [] => String::new(),
        [one] => format!(" on {one}"),
        [one, more @ ..] => format!(" on {one} and {} more", more.len()),
    };
    let by = match denial.workloads.as_slice() {
        [] => String::new(),
        [one] => format!(" by {one}"),
        [one, more @ ..] => format!(" by {one} and {} more", more.len()),
    };
    let at = denial.last_seen.map_or_else(String::new, |at| format!(", last at {at}"));
    format!("denied: {}{on}, {}{by}{at}", denial.action, count(denial.calls, "call", "calls"))
}

/// One line on a trial that can be begun.
pub(super) fn planned(stage: &Stage) -> Option<String> {
    let trial = stage.trial.as_ref()?;
    let exact = if trial.exact {
        "takes away what the proposal does"
    } else {
        "takes away what the proposal does of the actions it names"
    };
    Some(format!(
        "{} {} ({}), then watch for {}; {exact}",
        trial.kind.as_str(),
        trial.policy.name,
        count(trial.policy.characters, "character", "characters"),
        count(stage.watch_days, "day", "days")
    ))
}
