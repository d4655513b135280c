//! Sensitive actions, as others have listed them.

use leastwise::catalog::Catalog;
use leastwise::rightsize::Sensitive;
use serde_json::Value;

use crate::support::policy_cases;

#[test]
fn lists_of_primeharbor_and_cloudsplaining() {
    let Some(cases) = policy_cases() else { return };
    let text = std::fs::read_to_string(cases.join("risk/sensitive_actions.json")).unwrap();
    let lists: Value = serde_json::from_str(&text).unwrap();
    let catalog = Catalog::embedded();
    let mut wrong = Vec::new();
    let mut total = (0, 0, 0);
    for (of, list, kinds, exceptions) in [
        ("primeharbor", "CredentialExposure", &[Sensitive::Credentials][..], CREDENTIALS),
        ("primeharbor", "DataAccess", &[Sensitive::Data, Sensitive::Exposure], &[]),
        ("primeharbor", "ResourceExposure", &[Sensitive::Exposure], EXPOSURE),
        (
            "cloudsplaining",
            "READ_ONLY_DATA_EXFILTRATION_ACTIONS",
            &[Sensitive::Data, Sensitive::Credentials],
            &[],
        ),
        ("cloudsplaining", "ACTIONS_THAT_RETURN_CREDENTIALS", &Sensitive::ALL, RETURN_CREDENTIALS),
    ] {
        let sets: Vec<_> = kinds.iter().map(|kind| kind.actions(catalog)).collect();
        let (mut known, mut gone, mut missed) = (0, 0, Vec::new());
        let all = lists[of][list].as_array().unwrap_or_else(|| panic!("{of} {list}"));
        for action in all.iter().map(|action| action.as_str().unwrap()) {
            let Some(id) = catalog.find(action) else {
                gone += 1;
                continue;
            };
            if sets.iter().any(|set| set.contains(id)) {
                known += 1;
            } else {
                missed.push(action);
            }
        }
        let reason = |action: &str| {
            exceptions.iter().find(|(starts, _)| action.starts_with(starts)).map(|(_, reason)| *reason)
        };
        let unlisted: Vec<&str> = missed.iter().copied().filter(|action| reason(action).is_none()).collect();
        eprintln!(
            "risk/sensitive_actions {of} {list}: {known} of {}, withdrawn by AWS {gone}, exceptions {}: {missed:?}",
            all.len(),
            missed.len() - unlisted.len()
        );
        total = (total.0 + known, total.1 + missed.len(), total.2 + gone);
        wrong.extend(unlisted.into_iter().map(|action| format!("{of} {list} {action}")));
        let stale =
            exceptions.iter().filter(|(starts, _)| !missed.iter().any(|action| action.starts_with(starts)));
        wrong.extend(stale.map(|(starts, _)| format!("{list}: no exception: {starts}")));
    }
    assert!(total.0 > 300, "{total:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Beginnings of actions, and why they are not counted.
const CREDENTIALS: &[(&str, &str)] = &[
    ("sts:AssumeRoleWith", "needs no permission: the token is what counts"),
    ("sts:GetSessionToken", "needs no permission, and gives no more than the caller has"),
    ("waf", "the token orders changes, and lets nobody in"),
];
const EXPOSURE: &[(&str, &str)] =
    &[("iam:", "what IAM's own actions change is told by the ways to more access")];
const RETURN_CREDENTIALS: &[(&str, &str)] = &[
    ("cognito-idp:getsigningcertificate", "a certificate is public"),
    ("sts:assumerolewith", "needs no permission: the token is what counts"),
    ("sts:getsessiontoken", "needs no permission, and gives no more than the caller has"),
];
