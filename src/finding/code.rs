//! The list of everything a finding can be about.

use super::Severity;

/// What a finding is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "each variant is told by its `CodeInfo`")]
pub enum Code {
    AnnotatedNeverAssumed,
    AssumedNotAnnotated,
    BlockedGrant,
    DeniedInUse,
    IncompleteLogs,
    IrsaAfterPodIdentity,
    NodeRoleFallback,
    PassRoleWildcard,
    PrivilegeEscalation,
    ProposalNotProven,
    RoleAcrossBoundaries,
    RoleNotInSnapshot,
    RootUse,
    ServiceAccountNotBound,
    SeveralRoles,
    SharedRole,
    TrialComplete,
    TrialDenied,
    UnattributedUse,
    UnmatchedException,
    UnusedPermissions,
    UnusedRole,
    UnusedService,
    UnusedTrust,
    WideTrust,
    WildcardAction,
    WildcardResource,
}

/// The controls a finding is evidence for. The mapping is this project's reading of the control texts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Controls {
    /// Criteria of SOC 2 (AICPA Trust Services Criteria).
    pub soc2: &'static [&'static str],
    /// Controls of ISO/IEC 27001:2022, Annex A.
    pub iso27001: &'static [&'static str],
    /// Controls of NIST SP 800-53, revision 5.
    pub nist_800_53: &'static [&'static str],
}

/// What is the same for all findings of one code: the text of its page in the catalogue and of the rules in SARIF.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CodeInfo {
    /// The word in reports and exception lists.
    pub word: &'static str,
    /// One line.
    pub title: &'static str,
    /// What it means and when it is raised.
    pub meaning: &'static str,
    /// How its severity is chosen.
    pub severity_rule: &'static str,
    /// The severity a reader should expect without looking at a finding.
    pub usual_severity: Severity,
    /// What to do.
    pub fix: &'static str,
    /// See [`Controls`].
    pub controls: Controls,
}

impl Code {
    /// All codes, sorted by word.
    pub const ALL: [Self; 27] = [
        Self::AnnotatedNeverAssumed,
        Self::AssumedNotAnnotated,
        Self::BlockedGrant,
        Self::DeniedInUse,
        Self::IncompleteLogs,
        Self::IrsaAfterPodIdentity,
        Self::NodeRoleFallback,
        Self::PassRoleWildcard,
        Self::PrivilegeEscalation,
        Self::ProposalNotProven,
        Self::RoleAcrossBoundaries,
        Self::RoleNotInSnapshot,
        Self::RootUse,
        Self::ServiceAccountNotBound,
        Self::SeveralRoles,
        Self::SharedRole,
        Self::TrialComplete,
        Self::TrialDenied,
        Self::UnattributedUse,
        Self::UnmatchedException,
        Self::UnusedPermissions,
        Self::UnusedRole,
        Self::UnusedService,
        Self::UnusedTrust,
        Self::WideTrust,
        Self::WildcardAction,
        Self::WildcardResource,
    ];

    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        self.info().word
    }

    /// The code with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }

    /// See [`CodeInfo`].
    pub fn info(self) -> &'static CodeInfo {
        match self {
            Self::AnnotatedNeverAssumed => &ANNOTATED_NEVER_ASSUMED,
            Self::AssumedNotAnnotated => &ASSUMED_NOT_ANNOTATED,
            Self::BlockedGrant => &BLOCKED_GRANT,
            Self::DeniedInUse => &DENIED_IN_USE,
            Self::IncompleteLogs => &INCOMPLETE_LOGS,
            Self::IrsaAfterPodIdentity => &IRSA_AFTER_POD_IDENTITY,
            Self::NodeRoleFallback => &NODE_ROLE_FALLBACK,
            Self::PassRoleWildcard => &PASS_ROLE_WILDCARD,
            Self::PrivilegeEscalation => &PRIVILEGE_ESCALATION,
            Self::ProposalNotProven => &PROPOSAL_NOT_PROVEN,
            Self::RoleAcrossBoundaries => &ROLE_ACROSS_BOUNDARIES,
            Self::RoleNotInSnapshot => &ROLE_NOT_IN_SNAPSHOT,
            Self::RootUse => &ROOT_USE,
            Self::ServiceAccountNotBound => &SERVICE_ACCOUNT_NOT_BOUND,
            Self::SeveralRoles => &SEVERAL_ROLES,
            Self::SharedRole => &SHARED_ROLE,
            Self::TrialComplete => &TRIAL_COMPLETE,
            Self::TrialDenied => &TRIAL_DENIED,
            Self::UnattributedUse => &UNATTRIBUTED_USE,
            Self::UnmatchedException => &UNMATCHED_EXCEPTION,
            Self::UnusedPermissions => &UNUSED_PERMISSIONS,
            Self::UnusedRole => &UNUSED_ROLE,
            Self::UnusedService => &UNUSED_SERVICE,
            Self::UnusedTrust => &UNUSED_TRUST,
            Self::WideTrust => &WIDE_TRUST,
            Self::WildcardAction => &WILDCARD_ACTION,
            Self::WildcardResource => &WILDCARD_RESOURCE,
        }
    }
}

const LEAST_PRIVILEGE: Controls = Controls {
    soc2: &["CC6.1", "CC6.3"],
    iso27001: &["A.5.15", "A.5.18", "A.8.2", "A.8.3"],
    nist_800_53: &["AC-3", "AC-6"],
};
const LIFE_CYCLE: Controls =
    Controls { soc2: &["CC6.2", "CC6.3"], iso27001: &["A.5.16", "A.5.18"], nist_800_53: &["AC-2"] };
const PRIVILEGED: Controls = Controls {
    soc2: &["CC6.1", "CC6.3"],
    iso27001: &["A.5.3", "A.5.18", "A.8.2"],
    nist_800_53: &["AC-5", "AC-6"],
};
const TRUST: Controls = Controls {
    soc2: &["CC6.1", "CC6.6"],
    iso27001: &["A.5.15", "A.5.16", "A.8.5"],
    nist_800_53: &["AC-2", "AC-3", "IA-9"],
};
const MONITORING: Controls = Controls {
    soc2: &["CC7.2", "CC7.3"],
    iso27001: &["A.5.25", "A.8.15", "A.8.16"],
    nist_800_53: &["AU-6", "SI-4"],
};
const COMPLETENESS: Controls = Controls {
    soc2: &["CC2.1", "CC4.1", "CC7.2"],
    iso27001: &["A.5.28", "A.8.15", "A.8.16"],
    nist_800_53: &["AU-6", "AU-9", "AU-12"],
};

const ANNOTATED_NEVER_ASSUMED: CodeInfo = CodeInfo {
    word: "annotated-never-assumed",
    title: "A ServiceAccount names a role that it never assumed",
    meaning: "The ServiceAccount carries the annotation `eks.amazonaws.com/role-arn`, the logs of the role's account cover the \
              window, and no session of the role was traced to this ServiceAccount. Either the pods do not call AWS, or the \
              annotation does not work: the pods may run on the node's credentials instead.",
    severity_rule: "low; medium when other workloads did use the role, since the binding then matters to someone else.",
    usual_severity: Severity::Low,
    fix: "Remove the annotation and the ServiceAccount's subject from the role's trust policy, or find out why the pods do not use it.",
    controls: LIFE_CYCLE,
};

const BLOCKED_GRANT: CodeInfo = CodeInfo {
    word: "blocked-grant",
    title: "A role is granted actions that another layer takes away",
    meaning: "Identity policies allow the actions, and a permissions boundary, an organization policy or a deny takes every \
              allowed request away. The grant does nothing today, and becomes live when that layer changes.",
    severity_rule: "info; low when an action that manages permissions is among them.",
    usual_severity: Severity::Info,
    fix: "Remove the actions from the identity policies.",
    controls: LEAST_PRIVILEGE,
};

const DENIED_IN_USE: CodeInfo = CodeInfo {
    word: "denied-in-use",
    title: "A principal in use keeps being denied",
    meaning: "Calls were refused for lack of permission. Denied calls never count as use and are never granted by a proposal: they \
              are a missing grant, a guardrail at work, or someone probing.",
    severity_rule: "info for refusals by an organization policy, a boundary or an explicit deny (a guardrail at work); low for \
                    missing grants; medium for refused calls that manage permissions.",
    usual_severity: Severity::Low,
    fix: "Decide for each action: grant it, remove the call from the code, or leave the guardrail and silence the caller.",
    controls: MONITORING,
};

const INCOMPLETE_LOGS: CodeInfo = CodeInfo {
    word: "incomplete-logs",
    title: "The logs cannot show everything the audit judges",
    meaning: "Objects could not be read, hours are missing, or a kind of event is not recorded at all. Absence of use proves nothing \
              there, and the actions concerned are `undetermined` or `unobservable`, never `unused`.",
    severity_rule: "medium when objects could not be read or hours are missing; low when read, KMS or data events are not recorded.",
    usual_severity: Severity::Medium,
    fix: "Read the missing objects again; record management reads, KMS events and the data events of the services in use in all Regions.",
    controls: COMPLETENESS,
};

const PASS_ROLE_WILDCARD: CodeInfo = CodeInfo {
    word: "pass-role-wildcard",
    title: "A role may pass any role to a service",
    meaning: "`iam:PassRole` is allowed on all roles, so the holder can run code with the permissions of every role that trusts a \
              service they can use.",
    severity_rule: "high; medium when the statement limits `iam:PassedToService`.",
    usual_severity: Severity::High,
    fix: "Name the roles that are passed, and the services that receive them with `iam:PassedToService`.",
    controls: PRIVILEGED,
};

const PRIVILEGE_ESCALATION: CodeInfo = CodeInfo {
    word: "privilege-escalation",
    title: "A role can give itself more permissions",
    meaning: "The actions granted to the role include every step of at least one well-known way to more access. Conditions that the \
              snapshot cannot decide count as met.",
    severity_rule: "high; critical when the role itself is enough for administrator access (it may change its own policies) and a \
                    web identity or another account may assume it; medium when the proposal removes every path.",
    usual_severity: Severity::High,
    fix: "Remove one action of each path, or limit it to resources that are not more privileged than the role.",
    controls: PRIVILEGED,
};

const PROPOSAL_NOT_PROVEN: CodeInfo = CodeInfo {
    word: "proposal-not-proven",
    title: "No smaller policy could be proven safe",
    meaning: "A proposal was worked out, but it could not be proven that it allows nothing new, or that every observed call stays \
              allowed. It is not offered as a replacement.",
    severity_rule: "low; medium when the proof was refuted rather than unknown.",
    usual_severity: Severity::Low,
    fix: "Read the reasons; simplify the statement they name, then run the audit again.",
    controls: LEAST_PRIVILEGE,
};

const ROLE_NOT_IN_SNAPSHOT: CodeInfo = CodeInfo {
    word: "role-not-in-snapshot",
    title: "A role was used that the snapshot does not know",
    meaning: "Sessions of the role appear in the logs, and its account's snapshot has no such role (or none was given): it was \
              deleted or recreated since, or the snapshot is of another account. What it was granted is not known.",
    severity_rule: "low; medium when the account is in the snapshot, so that the role is gone or was hidden.",
    usual_severity: Severity::Low,
    fix: "Take a new snapshot of the account and run the audit again.",
    controls: COMPLETENESS,
};

const ROOT_USE: CodeInfo = CodeInfo {
    word: "root-use",
    title: "The root user was used",
    meaning: "Calls were made with the account's root user, which no policy of the account can limit.",
    severity_rule: "high; critical when a call by root changed something.",
    usual_severity: Severity::High,
    fix: "Do the work with a role, and keep the root user for the few tasks that need it.",
    controls: PRIVILEGED,
};

const SERVICE_ACCOUNT_NOT_BOUND: CodeInfo = CodeInfo {
    word: "service-account-not-bound",
    title: "A ServiceAccount names a role that does not trust it",
    meaning: "The ServiceAccount carries the annotation `eks.amazonaws.com/role-arn`, and the trust policy of that role admits no \
              subject of this namespace and name (or the role does not exist): its pods cannot assume it.",
    severity_rule: "medium.",
    usual_severity: Severity::Medium,
    fix: "Correct the annotation, or admit exactly `system:serviceaccount:NAMESPACE:NAME` in the role's trust policy.",
    controls: LIFE_CYCLE,
};

const SHARED_ROLE: CodeInfo = CodeInfo {
    word: "shared-role",
    title: "Several workloads share one role",
    meaning: "Sessions of the role were traced to several workloads, so each holds the permissions of all, and the role's calls \
              cannot be limited by who needs them.",
    severity_rule: "low; medium when the workloads used different actions.",
    usual_severity: Severity::Low,
    fix: "Give each workload a role of its own; the proposal's `split` shows what each needs.",
    controls: LEAST_PRIVILEGE,
};

const TRIAL_COMPLETE: CodeInfo = CodeInfo {
    word: "trial-complete",
    title: "A trial denied nothing for as long as was asked for",
    meaning: "The snapshot holds a trial of leastwise on the role (a policy or boundary named `leastwise-trial` that denies what the proposal \
              takes away), the logs cover the days to watch, and no call was denied by it.",
    severity_rule: "always low: the surplus is denied already, and only tidying is left.",
    usual_severity: Severity::Low,
    fix: "Replace the role's policies (or delete the role) as proposed, then take the trial away: `leastwise rightsize ROLE --staged` writes the commands.",
    controls: LEAST_PRIVILEGE,
};

const TRIAL_DENIED: CodeInfo = CodeInfo {
    word: "trial-denied",
    title: "A trial denied calls of the role",
    meaning: "The snapshot holds a trial of leastwise on the role, and since it began calls were refused that the role's own policies allow and \
              the trial denies (or, where everything is denied, somebody assumed the role). Something still needs what was to go.",
    severity_rule: "always high: something that worked does not, until the trial is taken away.",
    usual_severity: Severity::High,
    fix: "Take the trial away, let the calls succeed, and run the audit again: what is used then stays. `leastwise rightsize ROLE --staged` writes the commands.",
    controls: MONITORING,
};

const UNATTRIBUTED_USE: CodeInfo = CodeInfo {
    word: "unattributed-use",
    title: "Calls of a role could not be traced to a workload",
    meaning: "The logs hold calls of the role whose session nothing ties to a workload, most often because the call that issued the \
              credentials is not in the logs.",
    severity_rule: "low; medium when no call of the role could be traced.",
    usual_severity: Severity::Low,
    fix: "Include the logs of the account and Region where the sessions began, and at least twelve hours before the window.",
    controls: LIFE_CYCLE,
};

const UNMATCHED_EXCEPTION: CodeInfo = CodeInfo {
    word: "unmatched-exception",
    title: "An exception matches no finding",
    meaning: "The settings file holds an exception for findings of a code and subject, and there is none. It hides the next finding of that \
              kind before anybody has looked at it. Raised only when all accounts and roles are looked at.",
    severity_rule: "always low: the settings file is out of date, not a grant.",
    usual_severity: Severity::Low,
    fix: "Remove the exception from `leastwise.toml`, or spell its code and subject as the report does.",
    controls: COMPLETENESS,
};

const UNUSED_PERMISSIONS: CodeInfo = CodeInfo {
    word: "unused-permissions",
    title: "A role holds permissions it did not use",
    meaning: "CloudTrail would have shown the use of these granted actions, the window is covered, and no use was seen.",
    severity_rule: "by the heaviest unused action: medium for permissions management on many resources, otherwise low.",
    usual_severity: Severity::Low,
    fix: "Replace the role's policies by the proposal.",
    controls: LEAST_PRIVILEGE,
};

const UNUSED_ROLE: CodeInfo = CodeInfo {
    word: "unused-role",
    title: "A role was not used at all",
    meaning: "The role made no call and no session of it was issued in a covered window.",
    severity_rule: "medium; high when the role holds a way to more access.",
    usual_severity: Severity::Medium,
    fix: "Delete the role, or remove its trust until it is needed.",
    controls: LIFE_CYCLE,
};

const UNUSED_SERVICE: CodeInfo = CodeInfo {
    word: "unused-service",
    title: "A role is granted services it did not use",
    meaning: "Every granted action of the service would have been seen in the covered window, and none was.",
    severity_rule: "low; medium for services that manage identities (`iam`, `sts`, `organizations`, `sso`).",
    usual_severity: Severity::Low,
    fix: "Remove the service's actions from the role's policies.",
    controls: LEAST_PRIVILEGE,
};

const UNUSED_TRUST: CodeInfo = CodeInfo {
    word: "unused-trust",
    title: "A trust policy admits principals that never assumed the role",
    meaning: "The role was assumed in the covered window, and not by these principals of its trust policy.",
    severity_rule: "low; medium for another account or a web identity.",
    usual_severity: Severity::Low,
    fix: "Remove the principals from the trust policy.",
    controls: TRUST,
};

const WIDE_TRUST: CodeInfo = CodeInfo {
    word: "wide-trust",
    title: "A trust policy admits more than it should",
    meaning: "The trust policy lets in everyone, every subject of an identity provider, or whole groups of subjects: no condition on \
              the subject or the audience, a wildcard in it, a condition that also holds when the claim is absent, or a literal \
              `*` that admits nobody.",
    severity_rule: "critical for everyone, or for any subject of a provider that many customers share; high for any subject of an \
                    own provider or a whole organization; medium for a namespace, every ref of a repository, or a missing \
                    audience; low for a trust that admits nobody; info for the role's own account as a whole.",
    usual_severity: Severity::High,
    fix: "Compare `sub` and `aud` with `StringEquals` against exactly the subjects that need the role.",
    controls: TRUST,
};

const WILDCARD_ACTION: CodeInfo = CodeInfo {
    word: "wildcard-action",
    title: "A statement grants actions by wildcard",
    meaning: "An Allow statement names actions by a pattern (or by `NotAction`) that covers far more actions than were used, and \
              will cover actions AWS adds later.",
    severity_rule: "high for `*` on all resources; medium for all actions of a service that can change permissions; otherwise low.",
    usual_severity: Severity::Medium,
    fix: "List the actions that are used.",
    controls: LEAST_PRIVILEGE,
};

const WILDCARD_RESOURCE: CodeInfo = CodeInfo {
    word: "wildcard-resource",
    title: "A statement grants actions on all resources",
    meaning: "An Allow statement says `*` for actions that can be limited to resources, and the logs show which few were used.",
    severity_rule: "medium when a used action writes or manages permissions; otherwise low.",
    usual_severity: Severity::Low,
    fix: "Name the resources; the proposal lists the ones that were used.",
    controls: LEAST_PRIVILEGE,
};

const ASSUMED_NOT_ANNOTATED: CodeInfo = CodeInfo {
    word: "assumed-not-annotated",
    title: "A ServiceAccount assumed a role that nothing binds it to",
    meaning: "The logs show sessions of the role opened for the ServiceAccount, and neither its annotation nor a Pod Identity association names \
              that role, although the manifests (or the associations) of its cluster are here: they are not what runs, or the pods \
              name the role themselves.",
    severity_rule: "low; medium when the annotation names another role.",
    usual_severity: Severity::Low,
    fix: "Bind the ServiceAccount to the role it uses, in the manifests, or take its subject out of the role's trust policy.",
    controls: LIFE_CYCLE,
};

const IRSA_AFTER_POD_IDENTITY: CodeInfo = CodeInfo {
    word: "irsa-after-pod-identity",
    title: "A ServiceAccount with a Pod Identity association still uses IRSA",
    meaning: "EKS Pod Identity is set up for the ServiceAccount, and sessions were opened with its web identity token all the same. Programs \
              look for a web identity token first, so the association has no effect while the annotation is there.",
    severity_rule: "low; medium when the sessions are of another role than the association's.",
    usual_severity: Severity::Low,
    fix: "Remove the annotation, restart the pods, and then the subject from the role's trust policy.",
    controls: LIFE_CYCLE,
};

const NODE_ROLE_FALLBACK: CodeInfo = CodeInfo {
    word: "node-role-fallback",
    title: "Pods of a bound ServiceAccount run without its credentials",
    meaning: "The ServiceAccount is bound to a role, and pods that run as it carry none of the variables the EKS webhook injects: they were \
              started before the binding, or the webhook did not see them. What they call in AWS is done as the node's role, with the \
              permissions of everything on the node.",
    severity_rule: "medium.",
    usual_severity: Severity::Medium,
    fix: "Restart the pods; if nothing is injected then, check that the webhook runs and that the pods do not skip it.",
    controls: LIFE_CYCLE,
};

const ROLE_ACROSS_BOUNDARIES: CodeInfo = CodeInfo {
    word: "role-across-boundaries",
    title: "One role serves several namespaces, clusters or environments",
    meaning: "Workloads of different namespaces, clusters or deployment environments took the same role directly, so what one of them may do \
              the others may, and the separation between them ends at AWS.",
    severity_rule: "low for namespaces of one cluster; medium for several clusters or environments.",
    usual_severity: Severity::Low,
    fix: "Give each side a role of its own; the proposal's `split` shows what each needs.",
    controls: LEAST_PRIVILEGE,
};

const SEVERAL_ROLES: CodeInfo = CodeInfo {
    word: "several-roles",
    title: "A ServiceAccount takes several roles",
    meaning: "Sessions of more than one role were opened for the ServiceAccount itself (roles reached through another role are not counted): \
              an annotation names one role, so one of them is a leftover, or the programs name roles themselves.",
    severity_rule: "info: both roles may be meant.",
    usual_severity: Severity::Info,
    fix: "Keep the role that is bound; take the ServiceAccount's subject out of the other trust policies.",
    controls: LIFE_CYCLE,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_distinct_and_told_in_full() {
        let words: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let mut sorted = words.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(words, sorted);
        for code in Code::ALL {
            let info = code.info();
            assert!(info.word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", info.word);
            for text in [info.title, info.meaning, info.severity_rule, info.fix] {
                assert!(text.len() > 5 && !text.contains("  "), "{}: `{text}`", info.word);
            }
            let Controls { soc2, iso27001, nist_800_53 } = info.controls;
            assert!([soc2, iso27001, nist_800_53].iter().all(|ids| !ids.is_empty()), "{}", info.word);
            assert_eq!(Code::from_word(info.word), Some(code));
        }
        assert_eq!(Code::from_word("no-such-code"), None);
    }
}
