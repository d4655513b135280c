//! ServiceAccounts and the roles they name.

use super::trust::may_admit_service_account;
use super::{Case, document};
use crate::finding::{Code, Evidence, Finding, Severity};
use crate::ident::Arn;
use crate::inventory::ServiceAccount;

/// What a ServiceAccount is called in findings.
fn subject(account: &ServiceAccount) -> String {
    let cluster = account.cluster.as_deref().unwrap_or("unknown-cluster");
    format!("{cluster}/{}/{}", account.namespace, account.name)
}

fn annotated<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a ServiceAccount, &'a str)> {
    case.inventory.service_accounts.iter().filter_map(|account| Some((account, account.role_arn.as_deref()?)))
}

/// `service-account-not-bound`: the annotation names a role that does not exist or does not trust the ServiceAccount.
pub(super) fn service_account_not_bound(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (account, role_arn) in annotated(case) {
        let known_account =
            Arn::parse(role_arn).is_some_and(|arn| case.inventory.accounts.contains_key(arn.account));
        let reason = match case.inventory.role(role_arn) {
            None if known_account => format!("The snapshot of the account has no role `{role_arn}`."),
            None => continue,
            Some(role) => {
                let audience = account.audience.as_deref().unwrap_or("sts.amazonaws.com");
                if may_admit_service_account(role, &account.namespace, &account.name, Some(audience)) {
                    continue;
                }
                format!(
                    "The trust policy of `{role_arn}` does not admit `system:serviceaccount:{}:{}` with audience `{audience}`.",
                    account.namespace, account.name
                )
            }
        };
        findings.push(
            Finding::new(
                Code::ServiceAccountNotBound,
                subject(account),
                Severity::Medium,
                document(&account.origin, ""),
            )
            .title(format!(
                "ServiceAccount {}/{} cannot assume the role it names",
                account.namespace, account.name
            ))
            .detail(reason)
            .evidence(case.inventory.role(role_arn).map(|role| document(&role.origin, ""))),
        );
    }
}

/// `annotated-never-assumed`: over a covered window no session of the role came from the ServiceAccount.
pub(super) fn annotated_never_assumed(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (account, role_arn) in annotated(case) {
        let Some(role) = case.inventory.role(role_arn) else { continue };
        if !case.coverage.account(&role.account).shows_assumptions() {
            continue;
        }
        let access = case.access.principals.get(role_arn);
        let shares = || access.into_iter().flat_map(|access| &access.workloads);
        let came = shares().any(|share| {
            share.workload.namespace.as_deref() == Some(&account.namespace)
                && share.workload.service_account.as_deref() == Some(&account.name)
        });
        // Issued credentials that were never used are an assumption all the same.
        let wanted = format!("system:serviceaccount:{}:{}", account.namespace, account.name);
        let issued = case.usage.issuances.iter().any(|issuance| {
            !issuance.denied
                && issuance.role_arn.as_deref() == Some(role_arn)
                && issuance.subject.as_deref() == Some(wanted.as_str())
        });
        if came || issued {
            continue;
        }
        let others = shares().next().is_some();
        let severity = if others { Severity::Medium } else { Severity::Low };
        let fact = match others {
            true => "Other workloads used the role in the window.",
            false => "Nobody used the role in the window.",
        };
        findings.push(
            Finding::new(
                Code::AnnotatedNeverAssumed,
                subject(account),
                severity,
                document(&account.origin, ""),
            )
            .title(format!(
                "ServiceAccount {}/{} never assumed the role it names",
                account.namespace, account.name
            ))
            .detail(format!("It names `{role_arn}`. {fact}"))
            .evidence([Evidence::Fact(fact.to_owned())]),
        );
    }
}
