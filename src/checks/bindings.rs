//! ServiceAccounts and the roles they name.

mod drift;
mod table;

use super::{Case, document, event};
use crate::eval::trust::issuer;
use crate::explain::{Assumption, assumption};
use crate::finding::{Code, Evidence, Finding, Severity};
use crate::ident::{Arn, POD_IDENTITY};
use crate::inventory::ServiceAccount;

pub(super) use drift::{
    assumed_not_annotated, irsa_after_pod_identity, node_role_fallback, role_across_boundaries, several_roles,
};
pub use table::{Binding, Observed, Trust, bindings};
use table::{USUAL_AUDIENCE, covered_clusters};

/// What a ServiceAccount is called in findings.
fn subject(account: &ServiceAccount) -> String {
    let cluster = account.cluster.as_deref().unwrap_or("unknown-cluster");
    format!("{cluster}/{}/{}", account.namespace, account.name)
}

fn annotated<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a ServiceAccount, &'a str)> {
    case.inventory.service_accounts.iter().filter_map(|account| Some((account, account.role_arn.as_deref()?)))
}

/// The same for a row of the table.
fn subject_of(binding: &Binding) -> String {
    let cluster = if binding.cluster.is_empty() { "unknown-cluster" } else { binding.cluster.as_str() };
    format!("{cluster}/{}/{}", binding.namespace, binding.service_account)
}

/// `service-account-not-bound`: the annotation or association names a role that does not exist or does not trust the ServiceAccount.
pub(super) fn service_account_not_bound(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for binding in case.bindings {
        let Some(role_arn) =
            binding.annotated.as_deref().or_else(|| binding.associated.first().map(String::as_str))
        else {
            continue;
        };
        if !matches!(binding.trust, Some(Trust::Refuses | Trust::RoleMissing)) {
            continue;
        }
        let role = case.inventory.role(role_arn);
        let refused = binding.observed.get(role_arn).filter(|seen| seen.denied > 0);
        let places = binding.origin.iter().map(|origin| document(origin, ""));
        let places = places.chain(role.map(|role| document(&role.origin, "")));
        let places = places.chain(refused.map(|seen| event(&seen.event)));
        let fact = || Evidence::Fact(format!("A Pod Identity association names `{role_arn}`."));
        let mut places = places.chain(binding.annotated.is_none().then(fact));
        let Some(first) = places.next() else { continue };
        findings.push(
            Finding::new(Code::ServiceAccountNotBound, subject_of(binding), Severity::Medium, first)
                .title(format!(
                    "ServiceAccount {}/{} cannot assume the role it names",
                    binding.namespace, binding.service_account
                ))
                .detail(why_not(case, binding, role_arn))
                .evidence(places),
        );
    }
    for values in &case.inventory.helm_values {
        let known =
            Arn::parse(&values.role_arn).is_some_and(|arn| case.inventory.accounts.contains_key(arn.account));
        if !known || case.inventory.role(&values.role_arn).is_some() {
            continue;
        }
        let subject = format!("{}#{}", values.origin.file, values.origin.at);
        findings.push(
            Finding::new(
                Code::ServiceAccountNotBound,
                subject,
                Severity::Medium,
                document(&values.origin, ""),
            )
            .title("Helm values annotate a ServiceAccount with a role that does not exist")
            .detail(format!("The snapshot of the account has no role `{}`.", values.role_arn)),
        );
    }
}

/// Why a bound role cannot be assumed, with the nearest match.
fn why_not(case: &Case<'_>, binding: &Binding, role_arn: &str) -> String {
    let is_annotated = binding.annotated.is_some();
    let subject = match is_annotated {
        true => format!("system:serviceaccount:{}:{}", binding.namespace, binding.service_account),
        false => POD_IDENTITY.to_owned(),
    };
    let provider = case.inventory.cluster(&binding.cluster).and_then(|cluster| cluster.issuer.clone());
    let question = Assumption {
        role: role_arn.to_owned(),
        subject,
        audience: is_annotated.then(|| binding.audience.clone().unwrap_or_else(|| USUAL_AUDIENCE.to_owned())),
        // A cluster whose issuer no trust policy names is told apart from a wrong subject.
        provider: provider.map(|text| issuer(&text).to_owned()).filter(|_| is_annotated),
        external_id: None,
    };
    assumption(&question, case.inventory).reason
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
