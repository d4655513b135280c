//! Attribution on real logs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use leastwise::attribution::{Access, Attribution, Grade, access, resolve};
use leastwise::catalog::Catalog;
use leastwise::ident::TimeRange;
use leastwise::ingest::{Input, Recorder, Run, run};
use leastwise::inventory::{self, Inventory};
use leastwise::record::IdentityType;
use leastwise::usage::{CallOutcome, Scope, Usage};

use crate::support;

fn read(folder: &Path) -> Usage {
    let cancel = AtomicBool::new(false);
    let window = TimeRange::ALWAYS;
    let settings = Run { window, threads: 2, ..Run::new(&cancel) };
    let recorder = || Recorder::new(Scope::default(), |event| Catalog::embedded().needs(event));
    let collected = run(vec![Input::Path(folder.to_owned())], &settings, recorder).unwrap();
    collected.collector.into_ledger().finish().unwrap()
}

struct Seen {
    usage: Usage,
    found: Vec<Attribution>,
    access: Access,
}

fn see(folder: &Path, inventory: &Inventory) -> Seen {
    let usage = read(folder);
    let found = resolve(&usage, inventory);
    let access = access(&usage, &found, inventory);
    Seen { usage, found, access }
}

impl Seen {
    /// Workload ids and grades by the role's name.
    fn by_role(&self) -> BTreeMap<&str, BTreeSet<(String, &'static str)>> {
        let mut roles: BTreeMap<&str, BTreeSet<_>> = BTreeMap::new();
        for attribution in &self.found {
            let Some((_, role)) = attribution.principal.as_deref().and_then(|arn| arn.split_once(":role/"))
            else {
                continue;
            };
            let id = attribution.workload.as_ref().map_or("-".to_owned(), |workload| workload.id.clone());
            roles.entry(role).or_default().insert((id, attribution.grade.as_str()));
        }
        roles
    }
}

#[test]
fn a_lab_accounts_roles_are_traced_to_who_assumed_them() {
    let Some(corpus) = support::corpus() else { return };
    let seen = see(&corpus.join("invictus-aws-dataset"), &Inventory::default());
    let roles = seen.by_role();
    let one = |role: &str| {
        let found =
            roles.iter().find(|(name, _)| name.starts_with(role)).unwrap_or_else(|| panic!("no {role}"));
        assert_eq!(found.1.len(), 1, "{role}: {:?}", found.1);
        found.1.first().unwrap().clone()
    };
    for role in ["stratus-red-team-leave-org-role", "stratus-red-team-get-usr-data-role"] {
        let (id, grade) = one(role);
        assert!(id.starts_with("iam-user:arn:aws:iam::") && id.ends_with(":user/bert-jan"), "{id}");
        assert_eq!(grade, "exact");
    }
    assert_eq!(
        one("stratus-red-team-ec2-steal-credentials-role"),
        ("ec2:stratus-red-team-ec2-steal-credentials-role".to_owned(), "exact")
    );
    // Service-linked roles are AWS itself.
    assert!(seen.found.iter().filter(|a| a.is_service).count() >= 6);
    assert!(!seen.access.principals.keys().any(|arn| arn.contains("aws-service-role")));
    // Behind the user's forward access sessions stand services.
    let user = seen.access.principals.iter().find(|(arn, _)| arn.ends_with(":user/bert-jan")).unwrap().1;
    assert!(user.uses.iter().any(|used| used.via_services.contains("secretsmanager.amazonaws.com")));
    assert!(user.calls_by_action.contains_key(&"sts:AssumeRole".parse().unwrap()));
}

#[test]
fn services_and_tokens_of_real_logs_are_named() {
    let Some(corpus) = support::corpus() else { return };
    for (folder, role, id, grade) in [
        (
            "sans504-s3-ransomware-lab",
            "service-role/CloudTrailRoleForCloudWatchLogs",
            "service:cloudtrail.amazonaws.com/CloudTrailRoleForCloudWatchLogs",
            "exact",
        ),
        ("eks-security-immersion-day", "eks-security-workshop", "ec2:eks-security-workshop", "session"),
        ("web-pasted", "CostControl-Lambda-Role", "lambda:MH-COST-A-AutoStop", "session"),
    ] {
        let seen = see(&corpus.join(folder), &Inventory::default());
        assert_eq!(seen.by_role()[role], BTreeSet::from([(id.to_owned(), grade)]), "{folder}");
    }
    let seen = see(&corpus.join("web-pasted"), &Inventory::default());
    let tokens: BTreeSet<&str> = (seen.usage.sessions.iter().zip(&seen.found))
        .filter(|(facts, _)| facts.kind == IdentityType::WebIdentityUser)
        .filter_map(|(_, attribution)| attribution.workload.as_ref())
        .map(|workload| workload.id.as_str())
        .collect();
    assert!(
        tokens.contains("terraform-cloud:test-organization/Default Project/test-terraform-cloud"),
        "{tokens:?}"
    );
    assert!(tokens.iter().any(|id| id.ends_with("/argo/awf-aws-executor-plugin")), "{tokens:?}");
}

#[test]
fn the_pod_identity_issuance_of_a_real_log_names_its_pod() {
    let Some(corpus) = support::corpus() else { return };
    let mut usage = read(&corpus.join("eks-security-immersion-day"));
    // The log ends with the issuance; a session it began is added.
    let issuance = usage.issuances.iter().find(|issuance| issuance.issued_key.is_some()).unwrap().clone();
    let mut facts =
        usage.sessions.iter().find(|facts| facts.kind == IdentityType::AssumedRole).unwrap().clone();
    facts.principal_id = issuance.assumed_role_id.clone();
    facts.arn = issuance.assumed_arn.clone();
    facts.issuer_arn = issuance.role_arn.clone();
    facts.issuer_id = None;
    facts.access_key = issuance.issued_key.clone();
    facts.creation = Some(issuance.time);
    facts.ec2_role_delivery = None;
    usage.sessions.push(facts);
    let found = resolve(&usage, &Inventory::default()).pop().unwrap();
    let workload = found.workload.unwrap();
    assert_eq!(
        (workload.namespace.as_deref(), workload.service_account.as_deref()),
        (Some("ns-a"), Some("sa1"))
    );
    assert!(workload.id.starts_with("kubernetes:arn:aws:eks:us-west-2:"), "{}", workload.id);
    assert_eq!(found.grade, Grade::Exact);
    assert_eq!(found.evidence, [issuance.event_id.to_string()]);
}

#[test]
fn a_real_irsa_trust_policy_infers_its_service_account() {
    let Some(corpus) = support::corpus() else { return };
    let trust =
        std::fs::read_to_string(corpus.join("web-pasted/argo-executor-plugin-trust-policy.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("iam.json");
    let role = "arn:aws:iam::100000000002:role/app";
    let text = format!(
        r#"{{"RoleDetailList":[{{"Arn":"{role}","RoleId":"AROAAPP","AssumeRolePolicyDocument":{trust}}}]}}"#
    );
    std::fs::write(&path, text).unwrap();
    let inventory = inventory::read(&[path], &[]).unwrap();
    let mut usage = read(&corpus.join("eks-security-immersion-day"));
    let mut facts =
        usage.sessions.iter().find(|facts| facts.kind == IdentityType::AssumedRole).unwrap().clone();
    facts.issuer_arn = Some(role.into());
    facts.issuer_id = Some("AROAAPP".into());
    facts.ec2_role_delivery = None;
    usage.sessions.push(facts);
    let found = resolve(&usage, &inventory).pop().unwrap();
    assert!(found.workload.unwrap().id.ends_with("/argo/awf-aws-executor-plugin"));
    assert_eq!(found.grade, Grade::Inferred);
}

#[test]
fn no_real_log_is_joined_by_a_key_that_several_show_and_all_calls_balance() {
    let Some(corpus) = support::corpus() else { return };
    let (mut folders, mut shared_keys, mut sessions) = (0, 0, 0);
    let mut layers: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in std::fs::read_dir(&corpus).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir()
            || ["iam", "k8s", "digests", "trust-policies"].iter().any(|name| folder.ends_with(name))
        {
            continue;
        }
        folders += 1;
        let seen = see(&folder, &Inventory::default());
        sessions += seen.found.len();
        let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for facts in &seen.usage.sessions {
            if let (Some(key), Some(principal)) = (&facts.access_key, &facts.principal_id) {
                users.entry(key).or_default().insert(principal);
            }
        }
        let evidence: BTreeSet<&str> =
            seen.usage.issuances.iter().filter(|i| i.issued_key.is_some()).map(|i| &*i.event_id).collect();
        shared_keys += users.values().filter(|principals| principals.len() > 1).count();
        for (facts, attribution) in seen.usage.sessions.iter().zip(&seen.found) {
            assert_eq!(attribution.workload.is_none(), attribution.grade == Grade::Unknown, "{facts:?}");
            let shared = facts
                .access_key
                .as_deref()
                .is_some_and(|key| users.get(key).is_some_and(|users| users.len() > 1));
            let joined = attribution.evidence.iter().any(|event| evidence.contains(event.as_str()));
            assert!(!(shared && joined && attribution.grade == Grade::Exact), "{facts:?} {attribution:?}");
        }
        let all: u64 = seen.usage.rows.iter().map(|row| row.calls).sum();
        let theirs: u64 = seen.access.principals.values().map(|principal| principal.calls).sum();
        let others = seen.access.aws_itself + seen.access.no_principal.values().sum::<u64>();
        assert_eq!(all, theirs + others, "{}", folder.display());
        let refused = |row: &leastwise::usage::Row<'_>| matches!(row.call.outcome, CallOutcome::Denied(_));
        let denied: u64 = seen.usage.rows.iter().filter(refused).map(|row| row.calls).sum();
        let counted: u64 = seen.access.principals.values().map(|principal| principal.denied_calls).sum();
        assert!(counted <= denied);
        for principal in seen.access.principals.values() {
            assert_eq!(
                principal.denied.iter().map(|denied| denied.calls).sum::<u64>(),
                principal.denied_calls
            );
            for denied in &principal.denied {
                *layers.entry(denied.layer).or_default() += denied.calls;
            }
        }
    }
    assert!(folders >= 20 && sessions >= 500, "{folders} folders, {sessions} sessions");
    assert!(shared_keys >= 3, "the corpus has keys that stand for several principals: {shared_keys}");
    assert!(layers["identity"] >= 170 && layers["resource"] >= 3, "{layers:?}");
}
