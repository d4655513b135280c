//! Refusals and trust policies of real logs, snapshots and guides.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use leastwise::analyze;
use leastwise::eval::trust::{Caller, admits};
use leastwise::explain::{Verdict, explain};
use leastwise::ingest::Quiet;
use leastwise::inventory::Inventory;
use leastwise::policy::{PolicyKind, parse_value};
use serde_json::{Value, json};

use super::{account, ask, assumption};
use crate::support;

/// The kinds of refusals in one folder of real logs: `folder, source, event, action, layer, explicit, cause, calls`.
fn kinds(corpus: &Path, folder: &str) -> Vec<String> {
    let source = corpus.join(folder).display().to_string();
    let found =
        analyze::refusals(&[source], &analyze::Wanted::default(), None, &Quiet, &AtomicBool::new(false))
            .unwrap();
    let mut lines: Vec<String> = found
        .refusals
        .iter()
        .map(|refusal| {
            let told = explain(refusal, &Inventory::default());
            assert_eq!(told.verdict, Verdict::Denied);
            let event = told.event.unwrap();
            let action = told.action.unwrap_or_else(|| "-".to_owned());
            format!(
                "{folder}\t{}\t{}\t{action}\t{}\t{}\t{}\t{}",
                event.source, event.name, told.layer, told.explicit, told.cause, event.calls
            )
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn every_refusal_of_the_real_logs_is_classified() {
    let Some(corpus) = support::corpus() else { return };
    let expected = include_str!("../../data/explain/corpus.tsv");
    let mut folders: Vec<&str> = expected.lines().filter_map(|line| line.split('\t').next()).collect();
    folders.dedup();
    assert!(folders.len() > 8);
    let found: Vec<String> = folders.iter().flat_map(|folder| kinds(&corpus, folder)).collect();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(support::root().join("tests/data/explain/corpus.tsv"), found.join("\n") + "\n")
            .unwrap();
        return;
    }
    let expected: Vec<&str> = expected.lines().collect();
    assert_eq!(found, expected);
}

/// The trust policies of the corpus that AWS would store: guides have placeholders in place of texts.
fn trust_policies(corpus: &Path) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for folder in ["trust-policies", "iam/mkat-trust-evaluation/test_policies"] {
        for entry in std::fs::read_dir(corpus.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            match value {
                Value::Array(list) => {
                    for (index, one) in list.iter().enumerate() {
                        found.insert(format!("{name}#{index}"), one["policy"].clone());
                    }
                }
                document => {
                    found.insert(name, document);
                }
            }
        }
    }
    found
}

/// For every web-identity trust of the corpus that names a whole subject: that subject is admitted or the policy says why not, and a subject one
/// letter off is refused for its subject, with the right nearest match.
#[test]
fn a_subject_one_letter_off_is_told_for_every_trust_policy_of_the_corpus() {
    let Some(corpus) = support::corpus() else { return };
    let (mut asked, mut lines) = (0, Vec::new());
    for (name, document) in trust_policies(&corpus) {
        let Ok(policy) = parse_value(&document, PolicyKind::Trust) else {
            lines.push(format!("{name}\tno policy"));
            continue;
        };
        let web: Vec<(String, String, String)> = policy
            .statements
            .iter()
            .flat_map(|statement| &statement.conditions)
            .filter_map(|condition| {
                let (host, claim) = condition.key.rsplit_once(':')?;
                let value = condition.values.first()?;
                (claim == "sub" && condition.operator == "StringEquals" && !value.contains('*'))
                    .then(|| (host.to_owned(), value.clone(), name.clone()))
            })
            .collect();
        if web.is_empty() {
            lines.push(format!("{name}\tno whole subject"));
            continue;
        }
        let trust = document["Statement"].clone();
        let role = json!({"Path": "/", "RoleName": "app", "RoleId": "AROAAPP", "Arn": "arn:aws:iam::111111111111:role/app",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": trust}, "RolePolicyList": [],
            "AttachedManagedPolicies": [], "InstanceProfileList": []});
        let inventory = account(json!([role]), json!([]));
        for (host, subject, _) in web {
            asked += 1;
            let named = policy.statements.iter().find_map(|statement| match &statement.principal {
                Some(leastwise::policy::PrincipalElement::Only(patterns)) => {
                    patterns.iter().find_map(|one| match one {
                        leastwise::policy::PrincipalPattern::Federated(text) if text.ends_with(&host) => {
                            Some(text.clone())
                        }
                        _ => None,
                    })
                }
                _ => None,
            });
            let Some(provider) = named else {
                lines.push(format!("{name}\tthe condition is on another issuer than the principal"));
                continue;
            };
            let question =
                |subject: &str| super::Assumption { provider: Some(provider.clone()), ..ask("app", subject) };
            let right = assumption(&question(&subject), &inventory);
            let caller = Caller::WebIdentity {
                provider: provider.clone(),
                subject: subject.clone(),
                audience: Some("sts.amazonaws.com".to_owned()),
            };
            assert_eq!(
                right.verdict == Verdict::Allowed,
                admits(&policy, &caller).is_true(),
                "{name} {subject}"
            );

            let wrong = assumption(&question(&format!("{subject}x")), &inventory);
            assert_eq!(wrong.verdict, Verdict::Denied, "{name} {subject}\n{wrong:#?}");
            assert!(["subject", "audience"].contains(&wrong.cause.as_str()), "{name} {subject}\n{wrong:#?}");
            let near = wrong.failed_conditions.iter().find(|failed| failed.key.ends_with(":sub")).unwrap();
            let near = near.nearest.as_ref().unwrap();
            assert_eq!(
                (near.value.as_str(), near.difference.as_str()),
                (subject.as_str(), "one-letter"),
                "{name}"
            );
            let word = |verdict: &Verdict| serde_json::to_value(verdict).unwrap();
            lines.push(format!(
                "{name}\t{} {}\tone letter off: {} {}",
                word(&right.verdict).as_str().unwrap(),
                right.cause,
                word(&wrong.verdict).as_str().unwrap(),
                wrong.cause
            ));
        }
    }
    assert!(asked >= 10, "{asked}");
    let file = support::root().join("tests/data/explain/trust.tsv");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
        return;
    }
    let expected = std::fs::read_to_string(file).unwrap();
    assert_eq!(lines, expected.lines().collect::<Vec<_>>());
}
