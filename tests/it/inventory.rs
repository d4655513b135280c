//! Reading snapshots and manifests.

use std::fs;
use std::path::{Path, PathBuf};

use leastwise::inventory::{self, AttachedKind, Inventory, InventoryError};

use crate::support;

mod beside;
mod organization;

pub(crate) use beside::logs;

/// Writes `files` into a folder and reads it as a snapshot.
fn read(files: &[(&str, &str)]) -> Result<Inventory, InventoryError> {
    let folder = folder(files);
    inventory::read(&[folder.path().to_owned()], &[])
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Problems without the scratch folder's name.
fn problems(inventory: &Inventory) -> Vec<String> {
    let strip = |problem: &String| {
        let (_, rest) = problem.split_once('`').unwrap();
        let (file, rest) = rest.split_once('`').unwrap();
        format!("{}{rest}", file.rsplit('/').next().unwrap())
    };
    inventory.problems.iter().map(strip).collect()
}

const ALLOW_S3: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
const TRUST_EC2: &str = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22ec2.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";

fn account_page() -> String {
    format!(
        r#"{{
  "RoleDetailList": [{{
    "Path": "/app/", "RoleName": "web", "RoleId": "AROAWEB", "Arn": "arn:aws:iam::111111111111:role/app/web",
    "CreateDate": "2024-01-02T03:04:05+00:00", "MaxSessionDuration": 7200,
    "AssumeRolePolicyDocument": "{TRUST_EC2}",
    "InstanceProfileList": [{{"Arn": "arn:aws:iam::111111111111:instance-profile/web-profile"}}],
    "RolePolicyList": [{{"PolicyName": "inline", "PolicyDocument": {ALLOW_S3}}}],
    "AttachedManagedPolicies": [
      {{"PolicyName": "own", "PolicyArn": "arn:aws:iam::111111111111:policy/own"}},
      {{"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}}],
    "PermissionsBoundary": {{"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": "arn:aws:iam::111111111111:policy/own"}},
    "RoleLastUsed": {{"LastUsedDate": "2024-06-01T00:00:00Z", "Region": "eu-west-1"}},
    "Tags": [{{"Key": "b", "Value": "2"}}, {{"Key": "a", "Value": "1"}}]
  }}],
  "GroupDetailList": [{{
    "GroupName": "devs", "Arn": "arn:aws:iam::111111111111:group/devs", "GroupPolicyList": [],
    "AttachedManagedPolicies": {{"PolicyName": "own", "PolicyArn": "arn:aws:iam::111111111111:policy/own"}}
  }}],
  "UserDetailList": [{{
    "UserName": "ann", "UserId": "AIDAANN", "Arn": "arn:aws:iam::111111111111:user/ann",
    "GroupList": ["devs", "gone"], "AttachedManagedPolicies": []
  }}],
  "Policies": [{{
    "PolicyName": "own", "Arn": "arn:aws:iam::111111111111:policy/own", "DefaultVersionId": "v2",
    "PolicyVersionList": [
      {{"VersionId": "v3", "IsDefaultVersion": false, "Document": {{}}}},
      {{"VersionId": "v2", "IsDefaultVersion": true, "Document": {ALLOW_S3}}}]
  }}],
  "IsTruncated": false
}}"#
    )
}

#[test]
fn an_account_is_read_and_tied_together() {
    let inventory = read(&[("111111111111.json", &account_page())]).unwrap();
    let role = inventory.role("arn:aws:iam::111111111111:role/app/web").unwrap();
    assert_eq!((role.name.as_str(), role.path.as_str(), role.id.as_str()), ("web", "/app/", "AROAWEB"));
    assert_eq!((role.account.as_str(), role.max_session), ("111111111111", Some(7200)));
    assert_eq!(role.created.unwrap().to_string(), "2024-01-02T03:04:05Z");
    assert_eq!(role.last_used.unwrap().to_string(), "2024-06-01T00:00:00Z");
    assert_eq!(role.tags, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    assert_eq!(role.trust.as_ref().unwrap().statements.len(), 1, "percent-encoded trust policy");
    let policies: Vec<_> = role
        .policies
        .iter()
        .map(|p| (p.name.as_str(), p.kind, p.document.is_some(), p.origin.at.as_str()))
        .collect();
    assert_eq!(
        policies,
        [
            ("inline", AttachedKind::Inline, true, "/RoleDetailList/0/RolePolicyList/0"),
            ("own", AttachedKind::Managed, true, "/Policies/0"),
            ("ReadOnlyAccess", AttachedKind::AwsManaged, false, "/RoleDetailList/0"),
        ]
    );
    let boundary = role.boundary.as_ref().unwrap();
    assert_eq!((boundary.name.as_str(), boundary.document.is_some()), ("own", true));
    let found = inventory.role_of_instance_profile("web-profile", Some("111111111111"));
    assert_eq!(found.map(|role| role.name.as_str()), Some("web"));
    assert_eq!(inventory.role_by_id("AROAWEB"), Some(role));

    let ann = &inventory.accounts["111111111111"].users["arn:aws:iam::111111111111:user/ann"];
    let inherited: Vec<_> = ann
        .policies
        .iter()
        .map(|p| (p.name.as_str(), p.via_group.as_deref(), p.document.is_some()))
        .collect();
    assert_eq!(inherited, [("own", Some("devs"), true), ("gone", Some("gone"), false)]);
    assert_eq!(
        problems(&inventory),
        [
            "111111111111.json at `/RoleDetailList/0`: the text of `arn:aws:iam::aws:policy/ReadOnlyAccess` is not in the snapshot: what it grants is not known",
            "111111111111.json at `/UserDetailList/0`: the group `gone` is not in the snapshot: what it grants is not known",
        ]
    );
}

#[test]
fn pages_and_accounts_are_merged_whatever_their_order() {
    let role = |account: &str, name: &str| {
        format!(
            r#"{{"RoleName":"{name}","RoleId":"AROA{name}","Arn":"arn:aws:iam::{account}:role/{name}","Path":"/",
            "AssumeRolePolicyDocument":"{TRUST_EC2}","RolePolicyList":[],
            "AttachedManagedPolicies":[{{"PolicyArn":"arn:aws:iam::aws:policy/P"}}]}}"#
        )
    };
    let policy = format!(
        r#"{{"Arn":"arn:aws:iam::aws:policy/P","DefaultVersionId":"v1","PolicyVersionList":[{{"VersionId":"v1","Document":{ALLOW_S3}}}]}}"#
    );
    let first = format!(r#"{{"RoleDetailList":[{}],"IsTruncated":true,"Marker":"m"}}"#, role("1", "a"));
    let second =
        format!(r#"{{"RoleDetailList":[{}],"Policies":[{policy}],"IsTruncated":false}}"#, role("1", "b"));
    let other = format!(r#"[{{"RoleDetailList":[{}]}}]"#, role("2", "a"));
    let names = |inventory: &Inventory| {
        inventory
            .roles()
            .map(|role| (role.arn.clone(), role.policies[0].document.is_some()))
            .collect::<Vec<_>>()
    };
    let expected: Vec<_> = [("1", "a"), ("1", "b"), ("2", "a")]
        .map(|(account, name)| (format!("arn:aws:iam::{account}:role/{name}"), true))
        .into();
    for files in [
        vec![("1.json", first.clone()), ("2.json", second.clone()), ("3.json", other.clone())],
        vec![("1.json", other.clone()), ("sub/2.json", second.clone()), ("3.json", first.clone())],
        vec![("1.json", format!("{first}\n{second}")), ("2.json", other)],
    ] {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let inventory = read(&files).unwrap();
        assert_eq!(names(&inventory), expected);
        assert_eq!(problems(&inventory), Vec::<String>::new());
    }
    let cut = read(&[("1.json", &first)]).unwrap();
    assert!(problems(&cut).iter().any(|problem| problem.contains("cut off")), "{:?}", cut.problems);
}

#[test]
fn a_broken_policy_document_is_a_problem_and_the_role_stays() {
    let text = r#"{"RoleDetailList":[{"Arn":"arn:aws:iam::1:role/r","AssumeRolePolicyDocument":"%7B",
        "RolePolicyList":[{"PolicyName":"p","PolicyDocument":{"Statement":[{"Effect":"Perhaps"}]}}]}]}"#;
    let inventory = read(&[("a.json", text)]).unwrap();
    let role = inventory.role("arn:aws:iam::1:role/r").unwrap();
    assert!(role.trust.is_none() && role.policies[0].document.is_none());
    assert_eq!((role.name.as_str(), role.path.as_str()), ("r", "/"));
    let found = problems(&inventory);
    assert!(found.len() == 2, "{found:?}");
    assert!(found[0].starts_with("a.json at `/RoleDetailList/0/AssumeRolePolicyDocument`"), "{found:?}");
    assert!(
        found[1].starts_with("a.json at `/RoleDetailList/0/RolePolicyList/0/PolicyDocument`"),
        "{found:?}"
    );
}

#[test]
fn an_unreadable_snapshot_says_where_and_why() {
    for (text, place, reason) in [
        ("{\n  \"RoleDetailList\": [", "line 2 column 21", "EOF"),
        (
            "{\n\"RoleDetailList\": [\n {\"RoleName\": 3, \"Arn\": \"x\"}]}",
            "line 3 column 15",
            "invalid type: integer",
        ),
        ("{\"RoleDetailList\": [{\"RoleName\": \"x\"}]}", "line 1 column", "missing field `Arn`"),
        (
            "{\"RoleDetailList\": [{\"Arn\": \"arn:aws:iam::1:user/x\"}]}",
            "at `/RoleDetailList/0`",
            "the ARN of a role",
        ),
        (
            "[{\"RoleDetailList\": []},\n {\"RoleDetailList\": [1]}]",
            "line 2 column",
            "invalid type: integer `1`",
        ),
        ("not json", "line 1", "expected"),
        ("{\"x\": 1}", "is no snapshot", ""),
    ] {
        let folder = folder(&[("a.json", text)]);
        let error = inventory::read(&[folder.path().join("a.json")], &[]).unwrap_err().to_string();
        assert!(
            error.contains("a.json") && error.contains(place) && error.contains(reason),
            "{text}: {error}"
        );
    }
    let error = inventory::read(&[PathBuf::from("no/such/file.json")], &[]).unwrap_err().to_string();
    assert!(error.contains("no/such/file.json"), "{error}");
    assert!(matches!(read(&[("notes.txt", "x")]), Err(InventoryError::NoSnapshot { .. })));
}

#[test]
fn clusters_bindings_and_providers_lie_beside_the_account() {
    let inventory = read(&[
        ("iam.json", r#"{"RoleDetailList":[]}"#),
        (
            "eks/prod.json",
            r#"{"cluster":{"name":"prod","arn":"arn:aws:eks:eu-west-1:1:cluster/prod","identity":{"oidc":{"issuer":"https://oidc.eks.eu-west-1.amazonaws.com/id/ABC"}}},
                "associations":[{"clusterName":"prod","namespace":"n","serviceAccount":"a","roleArn":"arn:aws:iam::1:role/r","disableSessionTags":true}]}"#,
        ),
        (
            "eks/more.json",
            r#"{"associations":[
                {"clusterName":"other","associationArn":"arn:aws:eks:eu-west-1:1:podidentityassociation/other/a-1","namespace":"n","serviceAccount":"b","roleArn":"arn:aws:iam::1:role/s","targetRoleArn":"arn:aws:iam::2:role/t"},
                {"clusterName":"prod","namespace":"n","serviceAccount":"listed-only"}]}"#,
        ),
        ("oidc/list.json", r#"{"OpenIDConnectProviderList":[{"Arn":"arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"}]}"#),
        ("oidc/get.json", r#"{"Url":"token.actions.githubusercontent.com","ClientIDList":["sts.amazonaws.com"]}"#),
        ("vpcs.json", r#"{"Vpcs":[]}"#),
    ])
    .unwrap();
    let prod = inventory.cluster("prod").unwrap();
    assert_eq!(prod.issuer.as_deref(), Some("oidc.eks.eu-west-1.amazonaws.com/id/ABC"));
    assert!(prod.associations[0].session_tags_disabled);
    let other = inventory.cluster("arn:aws:eks:eu-west-1:1:cluster/other").unwrap();
    assert_eq!(other.associations[0].target_role_arn.as_deref(), Some("arn:aws:iam::2:role/t"));
    for text in
        ["prod", "arn:aws:eks:eu-west-1:1:cluster/prod", "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC"]
    {
        assert_eq!(inventory.cluster_id(text), "oidc.eks.eu-west-1.amazonaws.com/id/ABC");
    }
    assert_eq!(inventory.cluster_id("other"), "arn:aws:eks:eu-west-1:1:cluster/other");
    let provider = &inventory.accounts["1"].oidc_providers[0];
    assert_eq!(provider.client_ids, ["sts.amazonaws.com"]);
    let found = problems(&inventory);
    assert!(found.len() == 2, "{found:?}");
    assert!(found[0].contains("`n/listed-only` names no cluster or no role"), "{found:?}");
    assert_eq!(found[1], "vpcs.json: not recognised as a part of a snapshot, left out");
}

#[test]
fn a_folder_per_cluster_ties_service_accounts_to_it() {
    let snapshot = folder(&[(
        "c.json",
        r#"{"clusters":[{"cluster":{"arn":"arn:aws:eks:r:1:cluster/prod","identity":{"oidc":{"issuer":"https://oidc.eks.r.amazonaws.com/id/A"}}}}]}"#,
    )]);
    let account = |name: &str| format!("kind: ServiceAccount\nmetadata: {{name: {name}}}\n");
    let manifests = folder(&[
        ("prod/app/a.yaml", &account("a")),
        ("teams/x/prod/b.yml", &account("b")),
        ("staging/c.yaml", &account("c")),
        ("d.yaml", &account("d")),
        ("staging/notes.md", "kind: ServiceAccount"),
    ]);
    let inventory = inventory::read(&[snapshot.path().to_owned()], &[manifests.path().to_owned()]).unwrap();
    let found: Vec<_> =
        inventory.service_accounts.iter().map(|a| (a.name.as_str(), a.cluster.as_deref())).collect();
    let issuer = Some("oidc.eks.r.amazonaws.com/id/A");
    assert_eq!(found, [("d", None), ("a", issuer), ("b", issuer), ("c", Some("staging"))]);
}

#[test]
fn manifests_tie_a_cluster_to_its_issuer_where_the_snapshot_does_not() {
    let trust = |subject: &str, issuer: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::1:oidc-provider/{issuer}"}},
            "Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{"{issuer}:sub":"{subject}"}}}}}}]}}"#
        )
    };
    let issuer = "oidc.eks.r.amazonaws.com/id/A";
    let role = |name: &str, trust: String| {
        format!(r#"{{"Arn":"arn:aws:iam::1:role/{name}","AssumeRolePolicyDocument":{trust}}}"#)
    };
    let roles = [
        role("a", trust("system:serviceaccount:n:a", issuer)),
        role("b", trust("system:serviceaccount:n:b", "oidc.eks.r.amazonaws.com/id/B")),
        role("c", trust("system:serviceaccount:other:c", issuer)),
    ];
    let snapshot = folder(&[("iam.json", &format!(r#"{{"RoleDetailList":[{}]}}"#, roles.join(",")))]);
    let account = |name: &str| {
        format!(
            "kind: ServiceAccount\nmetadata: {{name: {name}, namespace: n, annotations: {{eks.amazonaws.com/role-arn: 'arn:aws:iam::1:role/{name}'}}}}\n"
        )
    };
    let manifests = folder(&[
        ("prod/a.yaml", &account("a")),
        ("prod/c.yaml", &account("c")),
        ("mixed/a.yaml", &account("a")),
        ("mixed/b.yaml", &account("b")),
    ]);
    let inventory = inventory::read(&[snapshot.path().to_owned()], &[manifests.path().to_owned()]).unwrap();
    for (cluster, expected) in [
        ("prod", issuer),
        ("arn:aws:eks:r:1:cluster/prod", issuer),
        ("arn:aws:eks:elsewhere:1:cluster/prod", "arn:aws:eks:elsewhere:1:cluster/prod"),
        ("arn:aws:eks:r:2:cluster/prod", "arn:aws:eks:r:2:cluster/prod"),
        ("arn:aws:eks:r:1:cluster/mixed", "arn:aws:eks:r:1:cluster/mixed"),
        ("mixed", "mixed"),
    ] {
        assert_eq!(inventory.cluster_id(cluster), expected);
    }
    let clusters: Vec<_> =
        inventory.service_accounts.iter().map(|a| (a.name.as_str(), a.cluster.as_deref().unwrap())).collect();
    assert_eq!(clusters, [("a", "mixed"), ("b", "mixed"), ("a", issuer), ("c", issuer)]);
}

fn json_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            json_files(&path, into);
        } else {
            into.push(path);
        }
    }
}

#[test]
fn real_snapshots_are_read() {
    let Some(corpus) = support::corpus() else { return };
    let mut files = Vec::new();
    for name in ["cloudsplaining", "iamspy", "aws-cli-example", "embedded-gaads"] {
        json_files(&corpus.join("iam").join(name), &mut files);
    }
    files.sort();
    let (mut read, mut principals, mut policies, mut documents) = (0, 0, 0, 0);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        if !["\"RoleDetailList\"", "\"UserDetailList\"", "\"GroupDetailList\""]
            .iter()
            .any(|key| text.contains(key))
        {
            continue;
        }
        let inventory =
            inventory::read(std::slice::from_ref(&file), &[]).unwrap_or_else(|error| panic!("{error}"));
        read += 1;
        for account in inventory.accounts.values() {
            principals += account.roles.len() + account.users.len() + account.groups.len();
            let attached = (account.roles.values().flat_map(|role| &role.policies))
                .chain(account.users.values().flat_map(|user| &user.policies));
            for policy in attached {
                policies += 1;
                documents += usize::from(policy.document.is_some());
                let named = |problem: &String| policy.arn.as_ref().is_some_and(|arn| problem.contains(arn));
                assert!(
                    policy.document.is_some()
                        || inventory.problems.iter().any(|p| named(p) || p.contains(&policy.name)),
                    "{}: `{}` has no document and no problem says so",
                    file.display(),
                    policy.name
                );
            }
        }
    }
    assert!(read >= 18 && principals >= 40, "{read} snapshots, {principals} principals");
    assert!(documents * 2 >= policies, "{documents} documents of {policies} policies");
}

#[test]
fn real_manifests_are_read_and_templates_named() {
    let Some(corpus) = support::corpus() else { return };
    let snapshot = folder(&[("iam.json", r#"{"RoleDetailList":[]}"#)]);
    let inventory = inventory::read(&[snapshot.path().to_owned()], &[corpus.join("k8s")]).unwrap();
    assert!(inventory.service_accounts.len() >= 2, "{:#?}", inventory.service_accounts);
    let templates = inventory
        .problems
        .iter()
        .filter(|problem| problem.contains("template") || problem.contains("placeholder"));
    assert!(templates.count() >= 3, "{:#?}", inventory.problems);
}
