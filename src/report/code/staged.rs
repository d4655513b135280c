//! Removal in stages: a script that begins a trial, takes it back, finishes the removal and restores, and Terraform for the trial.
//!
//! Before each step the script looks whether the role is as the report saw it. A role is deleted only after everything that makes it up
//! was saved.

use super::super::stage::{TrialPolicy, what};
use super::names::{Names, snake};
use super::plan::{self, Account, Change, comments};
use super::script::{self, quoted};
use super::{hcl, terraform};
use crate::report::json::compact;
use crate::report::{Attach, NoNewAccess, ProposalVerdict, Report, Role, TrialKind};

const HELPERS: &str = r##"set -euo pipefail

# Calls the AWS CLI; with DRY_RUN=1 only says what it would call.
aws_iam() {
    if [ "${DRY_RUN:-}" = 1 ]; then
        printf 'aws iam'
        printf ' %q' "$@"
        printf '\n'
    else
        aws iam "$@" >/dev/null
    fi
}

# Asks the AWS CLI; with DRY_RUN=1 nothing is asked.
ask_iam() {
    if [ "${DRY_RUN:-}" != 1 ]; then
        aws iam "$@"
    fi
}

stop() {
    echo "$1" >&2
    exit 1
}

# Names of inline policies and ARNs of attached ones, sorted, one a line.
policies_of() {
    {
        aws iam list-role-policies --role-name "$1" --query 'PolicyNames[]' --output text
        aws iam list-attached-role-policies --role-name "$1" --query 'AttachedPolicies[].PolicyArn' --output text
    } | tr '\t' '\n' | sed -e '/^$/d' -e '/^None$/d' | LC_ALL=C sort
}

boundary_of() {
    aws iam get-role --role-name "$1" --query Role.PermissionsBoundary.PermissionsBoundaryArn --output text
}

# Stops unless the role has exactly these policies.
expect_policies() {
    if [ "${DRY_RUN:-}" = 1 ]; then return 0; fi
    local role=$1 expected
    shift
    expected=$(printf '%s\n' "$@" | sed -e '/^$/d' | LC_ALL=C sort)
    if [ "$(policies_of "$role")" != "$expected" ]; then
        stop "role $role does not have the policies the report saw: run the audit again"
    fi
}

expect_boundary() {
    if [ "${DRY_RUN:-}" = 1 ]; then return 0; fi
    if [ "$(boundary_of "$1")" != "$2" ]; then
        stop "role $1 does not have the permissions boundary expected ($2): run the audit again"
    fi
}

# Everything that makes up a role, into a folder.
save() {
    local role=$1 folder=$2
    if [ "${DRY_RUN:-}" = 1 ]; then
        echo "# saves role $role into $folder"
        return 0
    fi
    mkdir -p "$folder"
    aws iam get-role --role-name "$role" --output json >"$folder/role.json"
    aws iam get-role --role-name "$role" --query Role.AssumeRolePolicyDocument --output json >"$folder/trust.json"
    aws iam get-role --role-name "$role" --query Role.Path --output text >"$folder/path.txt"
    aws iam get-role --role-name "$role" --query Role.Description --output text >"$folder/description.txt"
    aws iam get-role --role-name "$role" --query Role.MaxSessionDuration --output text >"$folder/max-session.txt"
    boundary_of "$role" >"$folder/boundary.txt"
    aws iam list-role-tags --role-name "$role" --query Tags --output json >"$folder/tags.json"
    aws iam list-attached-role-policies --role-name "$role" --query 'AttachedPolicies[].PolicyArn' --output text |
        tr '\t' '\n' | sed -e '/^$/d' -e '/^None$/d' >"$folder/attached.txt"
    aws iam list-role-policies --role-name "$role" --query 'PolicyNames[]' --output text |
        tr '\t' '\n' | sed -e '/^$/d' -e '/^None$/d' >"$folder/inline.txt"
    aws iam list-instance-profiles-for-role --role-name "$role" --query 'InstanceProfiles[].InstanceProfileName' --output text |
        tr '\t' '\n' | sed -e '/^$/d' -e '/^None$/d' >"$folder/instance-profiles.txt"
    while read -r name; do
        aws iam get-role-policy --role-name "$role" --policy-name "$name" --query PolicyDocument --output json >"$folder/inline-$name.json"
    done <"$folder/inline.txt"
    touch "$folder/whole"
}

# Deletes a role that was saved.
delete_saved() {
    local role=$1 folder=$2
    if [ "${DRY_RUN:-}" = 1 ]; then
        echo "# takes off all policies of role $role and deletes it"
        return 0
    fi
    if [ ! -e "$folder/whole" ]; then stop "role $role was not saved in whole: it stays"; fi
    while read -r name; do
        aws_iam remove-role-from-instance-profile --role-name "$role" --instance-profile-name "$name"
    done <"$folder/instance-profiles.txt"
    while read -r arn; do
        aws_iam detach-role-policy --role-name "$role" --policy-arn "$arn"
    done <"$folder/attached.txt"
    while read -r name; do
        aws_iam delete-role-policy --role-name "$role" --policy-name "$name"
    done <"$folder/inline.txt"
    aws_iam delete-role --role-name "$role"
}

# Makes a deleted role again from what was saved, without its trial.
restore_saved() {
    local role=$1 folder=$2 trial=$3 trial_arn=$4 boundary description
    if [ "${DRY_RUN:-}" = 1 ]; then
        echo "# makes role $role again from $folder"
        return 0
    fi
    if [ ! -e "$folder/whole" ]; then stop "there is nothing saved of role $role in $folder"; fi
    boundary=$(cat "$folder/boundary.txt")
    description=$(cat "$folder/description.txt")
    set -- --role-name "$role" --path "$(cat "$folder/path.txt")" \
        --assume-role-policy-document "$(cat "$folder/trust.json")" \
        --max-session-duration "$(cat "$folder/max-session.txt")"
    if [ "$boundary" != None ]; then set -- "$@" --permissions-boundary "$boundary"; fi
    if [ "$description" != None ]; then set -- "$@" --description "$description"; fi
    aws_iam create-role "$@"
    if [ "$(tr -d ' \n' <"$folder/tags.json")" != '[]' ]; then
        aws_iam tag-role --role-name "$role" --tags "$(cat "$folder/tags.json")"
    fi
    while read -r name; do
        if [ "$name" != "$trial" ]; then
            aws_iam put-role-policy --role-name "$role" --policy-name "$name" --policy-document "$(cat "$folder/inline-$name.json")"
        fi
    done <"$folder/inline.txt"
    while read -r arn; do
        if [ "$arn" != "$trial_arn" ]; then
            aws_iam attach-role-policy --role-name "$role" --policy-arn "$arn"
        fi
    done <"$folder/attached.txt"
    while read -r name; do
        aws_iam add-role-to-instance-profile --role-name "$role" --instance-profile-name "$name"
    done <"$folder/instance-profiles.txt"
    echo "role $role was made again and has another unique id: save policies elsewhere that name it once more" >&2
}
"##;

const MAIN: &str = r##"
usage() {
    echo "usage: $0 start|rollback|finish|restore [ROLE...]   (DRY_RUN=1 only prints the calls)" >&2
    echo "  start     begins the trial: what would go is denied" >&2
    echo "  rollback  takes the trial off again" >&2
    echo "  finish    makes the removal and takes the trial off; only where the trial is on" >&2
    echo "  restore   takes the removal back" >&2
    exit 2
}
case "${1:-}" in
    start | rollback | finish | restore) ;;
    *) usage ;;
esac
step=$1
shift
if [ "${DRY_RUN:-}" != 1 ]; then
    found=$(aws sts get-caller-identity --query Account --output text)
    if [ "$found" != "$account" ]; then
        stop "this script is for account $account, and the credentials are of account $found"
    fi
fi
if [ "$#" -eq 0 ]; then
    set -- "${roles[@]}"
fi
for role in "$@"; do
    known=0
    for one in "${roles[@]}"; do
        if [ "$one" = "$role" ]; then known=1; fi
    done
    if [ "$known" -ne 1 ]; then
        echo "there is no trial for role $role in this script" >&2
        exit 2
    fi
    echo "$step: $role" >&2
    "$step" "$role"
done
"##;

/// A role with a trial to begin or under way.
struct Staged<'r> {
    role: &'r Role,
    policy: TrialPolicy<'r>,
    change: Change<'r>,
}

impl<'r> Staged<'r> {
    fn of(role: &'r Role) -> Option<Self> {
        let policy = TrialPolicy::of(role)?;
        let change = Change::of(role).without(policy.name);
        Some(Self { role, policy, change })
    }

    fn name(&self) -> String {
        quoted(&self.role.name)
    }

    fn is_on(&self) -> bool {
        self.role.stage.as_ref().is_some_and(|stage| stage.running.is_some())
    }

    fn is_inline(&self) -> bool {
        self.policy.attach == Attach::Inline
    }

    fn is_boundary(&self) -> bool {
        self.policy.kind == TrialKind::Boundary
    }

    fn is_proven(&self) -> bool {
        let trial = self.role.stage.as_ref().and_then(|stage| stage.trial.as_ref());
        trial.is_none_or(|trial| {
            trial.proof.no_new_access == NoNewAccess::Proven && trial.replay.lost.is_empty()
        })
    }

    /// What tells the policies of the role apart: names of inline ones, ARNs of others.
    fn policies(&self, account: &Account<'_>, with_trial: bool) -> String {
        let mut all: Vec<String> = self
            .change
            .current
            .iter()
            .map(|old| match old.attach {
                Attach::Inline => quoted(&old.name),
                Attach::Managed => script::old_arn(account, old),
            })
            .collect();
        if with_trial && !self.is_boundary() {
            all.push(quoted(if self.is_inline() { self.policy.name } else { &self.policy.arn }));
        }
        all.join(" ")
    }

    /// The boundary the role has without its trial.
    fn boundary(&self) -> String {
        let own = self.role.boundary.as_ref().filter(|_| !(self.is_boundary() && self.is_on()));
        own.map_or_else(|| "None".to_owned(), |own| quoted(own.arn.as_deref().unwrap_or(&own.name)))
    }

    fn folder(&self) -> String {
        quoted(&format!("leastwise-saved/{}/{}", self.role.account, self.role.name))
    }

    fn deletes(&self) -> bool {
        self.role.proposal.verdict == ProposalVerdict::DeleteRole
    }
}

/// The lines of one step for one role.
type Calls = fn(&Account<'_>, &Staged<'_>) -> Vec<String>;

/// The script of one account; roles without a trial are told at its head.
pub(super) fn script(account: &Account<'_>, roles: &[&Role]) -> String {
    let staged: Vec<Staged<'_>> = roles.iter().filter_map(|role| Staged::of(role)).collect();
    let mut out = String::from("#!/usr/bin/env bash\n");
    out.push_str(&comments("#", head(account, roles)));
    out.push_str(HELPERS);
    let names: Vec<String> = staged.iter().map(Staged::name).collect();
    out.push_str(&format!("\naccount={}\nroles=({})\n", quoted(account.id), names.join(" ")));
    let steps: [(&str, Calls); 4] =
        [("start", start), ("rollback", rollback), ("finish", finish), ("restore", restore)];
    for (name, calls) in steps {
        out.push_str(&format!("\n{name}() {{\n    case \"$1\" in\n"));
        for one in &staged {
            out.push_str(&format!("    {})\n", one.name()));
            out.extend(calls(account, one).into_iter().map(|line| format!("        {line}\n")));
            out.push_str("        ;;\n");
        }
        out.push_str("    esac\n}\n");
    }
    out.push_str(MAIN);
    out
}

fn head(account: &Account<'_>, roles: &[&Role]) -> Vec<String> {
    let mut lines =
        vec![format!("Removal in stages for roles of account {}, made by leastwise.", account.id)];
    for role in roles {
        match (&role.stage, TrialPolicy::of(role)) {
            (_, Some(policy)) => lines.push(format!("Role {}: {}", role.name, what(policy.kind))),
            (Some(stage), None) if !stage.reasons.is_empty() => {
                lines.push(format!("Role {} has no trial. {}", role.name, stage.reasons.join(" ")));
            }
            _ => lines.push(format!("Role {} has no trial: nothing is to be taken away.", role.name)),
        }
    }
    lines
}

fn iam(calls: Vec<String>) -> impl Iterator<Item = String> {
    calls.into_iter().map(|call| format!("aws_iam {call}"))
}

fn start(account: &Account<'_>, one: &Staged<'_>) -> Vec<String> {
    let name = one.name();
    let trial = one.role.stage.as_ref().and_then(|stage| stage.trial.as_ref());
    let Some(trial) = trial else {
        return vec![format!("stop \"the trial of role {name} is on already\"")];
    };
    let mut lines = Vec::new();
    if !one.is_proven() {
        lines.push("stop \"the trial is not proven to leave alone what stays\"".to_owned());
    }
    lines.push(format!("expect_policies {name} {}", one.policies(account, false)));
    lines.push(format!("expect_boundary {name} {}", one.boundary()));
    lines.extend(iam(one.policy.on(&name, &quoted(&compact(&trial.policy.document)))));
    lines
}

fn rollback(account: &Account<'_>, one: &Staged<'_>) -> Vec<String> {
    on_guard(account, one).into_iter().chain(iam(one.policy.off(&one.name()))).collect()
}

/// Stops where the trial is not on, or something else has changed.
fn on_guard(account: &Account<'_>, one: &Staged<'_>) -> Vec<String> {
    let name = one.name();
    let boundary = if one.is_boundary() { quoted(&one.policy.arn) } else { one.boundary() };
    vec![
        format!("expect_policies {name} {}", one.policies(account, true)),
        format!("expect_boundary {name} {boundary}"),
    ]
}

fn finish(account: &Account<'_>, one: &Staged<'_>) -> Vec<String> {
    let mut lines = on_guard(account, one);
    let name = one.name();
    match one.role.proposal.verdict {
        ProposalVerdict::DeleteRole => {
            let folder = one.folder();
            lines.push(format!("save {name} {folder}"));
            lines.push(format!("delete_saved {name} {folder}"));
            if !one.is_inline() {
                lines.extend(iam(vec![format!("delete-policy --policy-arn {}", quoted(&one.policy.arn))]));
            }
        }
        ProposalVerdict::Replace if one.role.proposal.is_proven() => {
            lines.extend(iam(script::apply(account, &one.change)));
            lines.extend(iam(one.policy.off(&name)));
        }
        ProposalVerdict::Replace | ProposalVerdict::Keep | ProposalVerdict::CannotTell => {
            return vec![format!(
                "stop \"there is no proven proposal for role {name}: take the trial off with rollback\""
            )];
        }
    }
    lines
}

fn restore(account: &Account<'_>, one: &Staged<'_>) -> Vec<String> {
    let name = one.name();
    match one.role.proposal.verdict {
        ProposalVerdict::Replace => iam(script::rollback(account, &one.change)).collect(),
        ProposalVerdict::DeleteRole => vec![format!(
            "restore_saved {name} {} {} {}",
            one.folder(),
            quoted(one.policy.name),
            quoted(&one.policy.arn)
        )],
        ProposalVerdict::Keep | ProposalVerdict::CannotTell => {
            vec![format!("stop \"nothing was removed from role {name}\"")]
        }
    }
}

/// The trials of one account as Terraform.
pub(super) fn terraform(account: &Account<'_>, roles: &[&Role]) -> String {
    let mut names = Names::default();
    let mut out = comments("#", head(account, roles));
    out.push_str(
        "# Remove a block to take its trial back. When the audit says to go on, apply the proposal\n",
    );
    out.push_str("# (`leastwise rightsize ROLE --format terraform`), then remove the block.\n");
    for one in roles.iter().filter_map(|role| Staged::of(role)) {
        let trial = one.role.stage.as_ref().and_then(|stage| stage.trial.as_ref());
        let Some(trial) = trial else { continue };
        let name = names.claim(snake(&[&one.role.name, "trial"]), "_");
        let policy = hcl::value(&trial.policy.document, 2);
        out.push('\n');
        out.push_str(&comments("#", [format!("Role {}", one.role.arn)]));
        if one.deletes() {
            out.push_str("# Then delete the role where it is declared.\n");
        }
        out.push_str(&match (one.is_boundary(), one.is_inline()) {
            (false, true) => terraform::inline_block(&name, one.policy.name, &one.role.name, &policy),
            (false, false) => terraform::managed_block(&name, one.policy.name, &one.role.name, &policy),
            (true, _) => format!(
                "# Set it as the role's `permissions_boundary` where the role is declared.\n\
                 resource \"aws_iam_policy\" \"{name}\" {{\n  name   = {}\n  policy = jsonencode({policy})\n}}\n",
                hcl::string(one.policy.name)
            ),
        });
    }
    out
}

/// The accounts of a report with their roles.
pub(super) fn accounts(report: &Report) -> Vec<(Account<'_>, Vec<&Role>)> {
    plan::accounts(report)
        .into_iter()
        .map(|account| {
            let roles = report.roles.iter().filter(|role| role.account == account.id).collect();
            (account, roles)
        })
        .collect()
}
