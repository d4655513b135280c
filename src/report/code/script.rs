//! A shell script of AWS CLI calls that applies a proposal, and takes it back.
//!
//! Nothing is taken away before its successor is in place, the account is checked before the first change, and `rollback` puts
//! back every document the report saw.

use serde_json::Value;

use super::plan::{Account, Change, comments};
use crate::report::json::compact;
use crate::report::{Attach, NoNewAccess, ProposedPolicy, printable};

const USAGE: &str = r#"set -euo pipefail

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
"#;

const UNPROVEN: &str = r#"        if [ "${ALLOW_UNPROVEN:-}" != 1 ]; then
            echo "this proposal is not proven; read the report, then set ALLOW_UNPROVEN=1" >&2
            exit 1
        fi
"#;

const MAIN: &str = r#"
case "${1:-}" in
    apply | rollback) ;;
    *)
        echo "usage: $0 apply|rollback [ROLE...]   (DRY_RUN=1 only prints the calls)" >&2
        exit 2
        ;;
esac
step=$1
shift
if [ "${DRY_RUN:-}" != 1 ]; then
    found=$(aws sts get-caller-identity --query Account --output text)
    if [ "$found" != "$account" ]; then
        echo "this script is for account $account, and the credentials are of account $found" >&2
        exit 1
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
        echo "there is no proposal for role $role in this script" >&2
        exit 2
    fi
    echo "$step: $role" >&2
    "$step" "$role"
done
"#;

pub(super) fn write(account: &Account<'_>) -> String {
    let mut out = String::from("#!/usr/bin/env bash\n");
    out.push_str(&comments("#", account.head()));
    out.push_str(USAGE);
    out.push_str(&format!("\naccount={}\nroles=({})\n", quoted(account.id), names(account)));
    out.push_str(&function("apply", account, &|change| apply(account, change)));
    out.push_str(&function("rollback", account, &|change| rollback(account, change)));
    out.push_str(MAIN);
    out
}

fn names(account: &Account<'_>) -> String {
    account.roles.iter().map(|change| quoted(&change.role.name)).collect::<Vec<_>>().join(" ")
}

fn function(name: &str, account: &Account<'_>, calls: &dyn Fn(&Change<'_>) -> Vec<String>) -> String {
    let mut out = format!("\n{name}() {{\n    case \"$1\" in\n");
    for change in &account.roles {
        out.push_str(&format!("    {})\n", quoted(&change.role.name)));
        if name == "apply" {
            out.push_str(&comments("        #", change.remarks()));
            let proposal = change.proposal();
            if proposal.proof.no_new_access != NoNewAccess::Proven || !proposal.replay.lost.is_empty() {
                out.push_str(UNPROVEN);
            }
        }
        out.extend(calls(change).into_iter().map(|call| format!("        aws_iam {call}\n")));
        out.push_str("        ;;\n");
    }
    out.push_str("    esac\n}\n");
    out
}

/// New policies first, then the trust policy, then what goes.
pub(super) fn apply(account: &Account<'_>, change: &Change<'_>) -> Vec<String> {
    let role = quoted(&change.role.name);
    let mut calls = Vec::new();
    for policy in &change.managed {
        let (name, document) = (quoted(&policy.name), json(&policy.document));
        calls.push(format!("create-policy --policy-name {name} --policy-document {document}"));
        let arn = quoted(&new_arn(account, policy));
        calls.push(format!("attach-role-policy --role-name {role} --policy-arn {arn}"));
    }
    calls.extend(change.inline.iter().map(|policy| put(&role, policy)));
    if let Some(trust) = change.trust {
        calls.push(format!("update-assume-role-policy --role-name {role} --policy-document {}", json(trust)));
    }
    for old in &change.removed {
        let name = quoted(&old.name);
        calls.push(match old.attach {
            Attach::Inline => format!("delete-role-policy --role-name {role} --policy-name {name}"),
            Attach::Managed => {
                format!("detach-role-policy --role-name {role} --policy-arn {}", old_arn(account, old))
            }
        });
    }
    calls
}

/// What was there first, then what was added goes.
pub(super) fn rollback(account: &Account<'_>, change: &Change<'_>) -> Vec<String> {
    let role = quoted(&change.role.name);
    let mut calls = Vec::new();
    for old in &change.current {
        calls.push(match old.attach {
            Attach::Inline => put(&role, old),
            Attach::Managed => {
                format!("attach-role-policy --role-name {role} --policy-arn {}", old_arn(account, old))
            }
        });
    }
    if let (Some(_), Some(old)) = (change.trust, &change.proposal().current_trust) {
        calls.push(format!("update-assume-role-policy --role-name {role} --policy-document {}", json(old)));
    }
    for policy in &change.inline {
        if change.current_inline(&policy.name).is_none() {
            calls.push(format!(
                "delete-role-policy --role-name {role} --policy-name {}",
                quoted(&policy.name)
            ));
        }
    }
    for policy in &change.managed {
        let arn = quoted(&new_arn(account, policy));
        calls.push(format!("detach-role-policy --role-name {role} --policy-arn {arn}"));
        calls.push(format!("delete-policy --policy-arn {arn}"));
    }
    calls
}

fn put(role: &str, policy: &ProposedPolicy) -> String {
    let (name, document) = (quoted(&policy.name), json(&policy.document));
    format!("put-role-policy --role-name {role} --policy-name {name} --policy-document {document}")
}

/// New managed policies are made without a path.
fn new_arn(account: &Account<'_>, policy: &ProposedPolicy) -> String {
    format!("arn:{}:iam::{}:policy/{}", account.partition, account.id, policy.name)
}

pub(super) fn old_arn(account: &Account<'_>, old: &ProposedPolicy) -> String {
    quoted(&old.arn.clone().unwrap_or_else(|| new_arn(account, old)))
}

fn json(document: &Value) -> String {
    quoted(&compact(document))
}

/// One word of a shell, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", printable(text).replace('\'', r"'\''"))
}
