//! What all forms say: the policies each role shall have, by account.

use serde_json::Value;

use super::super::{Attach, NoNewAccess, Proposal, ProposalVerdict, ProposedPolicy, Report, Role};
use crate::ident::Arn;

/// How CloudFormation's dynamic references begin. It replaces them wherever they stand and knows no way of writing one that stays, so the
/// name of an object that somebody chose would bring a secret into a policy.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>
const REFERENCE: &str = "{{resolve:";

/// What CloudFormation replaces.
pub(super) const OF_TEMPLATES: &[&str] = &[REFERENCE];
/// What the CDK replaces, or refuses, and CloudFormation behind it.
///
/// <https://docs.aws.amazon.com/cdk/v2/guide/tokens.html>
pub(super) const OF_CDK: &[&str] = &[REFERENCE, "${Token[", "#{Token["];

/// The roles of one account, in the report's order.
pub(super) struct Account<'r> {
    /// Twelve digits, as the report has them.
    pub(super) id: &'r str,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub(super) partition: &'r str,
    /// Roles that get new policies.
    pub(super) roles: Vec<Change<'r>>,
    /// Roles that get none: name, and a sentence on why.
    pub(super) others: Vec<(&'r str, &'static str)>,
}

/// What one role gets.
pub(super) struct Change<'r> {
    pub(super) role: &'r Role,
    /// Inline policies it shall have.
    pub(super) inline: Vec<&'r ProposedPolicy>,
    /// Managed policies it shall have, all new.
    pub(super) managed: Vec<&'r ProposedPolicy>,
    /// The narrower trust policy, where one is proposed.
    pub(super) trust: Option<&'r Value>,
    /// Policies it has now.
    pub(super) current: Vec<&'r ProposedPolicy>,
    /// Policies it has now and shall not keep; an inline one of the same name is replaced, not removed.
    pub(super) removed: Vec<&'r ProposedPolicy>,
}

impl<'r> Change<'r> {
    pub(super) fn of(role: &'r Role) -> Self {
        let proposal = &role.proposal;
        let by = |attach: Attach| proposal.policies.iter().filter(move |policy| policy.attach == attach);
        let stays = |old: &&ProposedPolicy| {
            old.attach == Attach::Inline && by(Attach::Inline).any(|new| new.name == old.name)
        };
        Self {
            role,
            inline: by(Attach::Inline).collect(),
            managed: by(Attach::Managed).collect(),
            trust: proposal.trust.as_ref().map(|trust| &trust.document),
            current: proposal.current.iter().collect(),
            removed: proposal.current.iter().filter(|old| !stays(old)).collect(),
        }
    }

    /// Without a policy that the role has for a while only.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.current.retain(|policy| policy.name != name);
        self.removed.retain(|policy| policy.name != name);
        self
    }

    pub(super) fn proposal(&self) -> &'r Proposal {
        &self.role.proposal
    }

    /// The inline policy of this name that the role has now.
    pub(super) fn current_inline(&self, name: &str) -> Option<&'r ProposedPolicy> {
        let mut current = self.proposal().current.iter();
        current.find(|policy| policy.attach == Attach::Inline && policy.name == name)
    }

    /// Whether a part of the documents would be replaced.
    fn holds(&self, marks: &[&str]) -> bool {
        let policies = self.inline.iter().chain(&self.managed).map(|policy| &policy.document);
        let mut texts = policies.chain(self.trust).map(ToString::to_string);
        texts.any(|text| marks.iter().any(|mark| text.contains(mark)))
    }

    /// `/` or `/…/`, as the role's ARN tells.
    pub(super) fn path(&self) -> &'r str {
        let resource = Arn::parse(&self.role.arn).map_or("", |arn| arn.resource);
        let path = resource.strip_prefix("role").and_then(|rest| rest.strip_suffix(self.role.name.as_str()));
        path.filter(|path| !path.is_empty()).unwrap_or("/")
    }

    /// What the change rests on and what it leaves to do; a sentence each.
    pub(super) fn remarks(&self) -> Vec<String> {
        let proposal = self.proposal();
        let proof = match proposal.proof.no_new_access {
            NoNewAccess::Proven => "proven: allows nothing that the present policies do not",
            NoNewAccess::Refuted => {
                "REFUTED: allows something that the present policies do not; do not use it"
            }
            NoNewAccess::Unknown => "not proven: whether it allows something new could not be decided",
        };
        let replay = &proposal.replay;
        let mut remarks = vec![
            format!("{proof}."),
            format!("Replay: {} of {} observed requests are still allowed.", replay.allowed, replay.requests),
        ];
        remarks.extend(replay.losses().map(|lost| format!("Lost: {lost}.")));
        remarks.extend(self.removed.iter().map(|old| match (&old.arn, old.attach) {
            (Some(arn), _) => format!("To be detached once the new policies are in place: {arn}."),
            (None, Attach::Managed) => {
                format!("To be detached once the new policies are in place: managed policy {}.", old.name)
            }
            (None, Attach::Inline) => {
                format!("To be deleted once the new policies are in place: inline policy {}.", old.name)
            }
        }));
        remarks
    }
}

/// The report's roles by account; accounts without any role are left out.
pub(super) fn accounts(report: &Report) -> Vec<Account<'_>> {
    let mut accounts: Vec<Account<'_>> = Vec::new();
    for role in &report.roles {
        let at = accounts.iter().position(|account| account.id == role.account).unwrap_or_else(|| {
            let partition = Arn::parse(&role.arn).map_or("aws", |arn| arn.partition);
            accounts.push(Account { id: &role.account, partition, roles: Vec::new(), others: Vec::new() });
            accounts.len() - 1
        });
        let Some(account) = accounts.get_mut(at) else { continue };
        match role.proposal.verdict {
            ProposalVerdict::Replace if !role.proposal.policies.is_empty() => {
                account.roles.push(Change::of(role));
            }
            ProposalVerdict::Replace => {
                account.others.push((&role.name, "shall have no policy: nothing it was granted was used"));
            }
            ProposalVerdict::DeleteRole => {
                account.others.push((&role.name, "was not used and can be deleted"))
            }
            ProposalVerdict::Keep => account.others.push((&role.name, "stays as it is")),
            ProposalVerdict::CannotTell => {
                account.others.push((&role.name, "stays: what is known does not suffice for a proposal"));
            }
        }
    }
    accounts
}

impl<'r> Account<'r> {
    /// The roles that a stack takes as they are.
    pub(super) fn of_stack<'a>(&'a self, marks: &'a [&str]) -> impl Iterator<Item = &'a Change<'r>> {
        self.roles.iter().filter(|change| !change.holds(marks))
    }

    /// The names of the others, and why they are none of it.
    pub(super) fn not_of_stack(&self, marks: &[&str]) -> Vec<(&'r str, String)> {
        let others = self.roles.iter().filter(|change| change.holds(marks));
        let why = "is not here: its policies hold what would be replaced on the way (a dynamic reference or a token); use another form";
        others
            .map(|change| (change.role.name.as_str(), format!("Role {} {why}.", change.role.name)))
            .collect()
    }

    /// The head of a stack's file.
    pub(super) fn head_of_stack(&self, marks: &[&str]) -> Vec<String> {
        self.head().into_iter().chain(self.not_of_stack(marks).into_iter().map(|(_, why)| why)).collect()
    }
}

/// A remark that CloudFormation leaves as it is.
pub(super) fn unresolved(remark: &str) -> String {
    remark.replace(REFERENCE, "{ {resolve:")
}

impl Account<'_> {
    /// The head of a file: what it is, and which roles it leaves alone; a line each.
    pub(super) fn head(&self) -> Vec<String> {
        let mut lines = vec![format!("Right-sized policies of account {}, proposed by leastwise.", self.id)];
        lines.extend(self.others.iter().map(|(name, why)| format!("Role {name} {why}.")));
        lines
    }
}

/// Comments, one a line.
pub(super) fn comments(sign: &str, lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| format!("{sign} {}\n", super::super::printable(&line))).collect()
}
