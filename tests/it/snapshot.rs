//! `leastwise snapshot` and `leastwise permissions`, against moto behind a server that refuses what the policy does not allow and answers
//! what moto lacks with recorded answers.

mod hardship;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use leastwise::aws::{CALLS, Feature, Part};
use serde_json::{Value, json};

use server::{Answer, Moto, Request, Server};

const ACCOUNT: &str = "123456789012";

fn leastwise(dir: &Path, args: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        // Nothing of this machine may answer instead.
        .env("HOME", dir)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

const KEYS: &[(&str, &str)] =
    &[("AWS_ACCESS_KEY_ID", "AKIATEST"), ("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")];

/// Takes a snapshot from a server.
fn snapshot(dir: &Path, server: &Server, options: &[&str]) -> (i32, String) {
    let mut args = vec!["snapshot", "--endpoint-url", &server.url, "--region", "eu-west-1"];
    args.extend(options);
    let (exit, _, stderr) = leastwise(dir, &args, KEYS);
    assert!(!stderr.contains("secret-of-the-test"), "no secret is told: {stderr}");
    (exit, stderr)
}

/// A folder's files by path.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const INLINE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:DescribeInstances","ec2:RunInstances","s3:GetObject","sqs:PurgeQueue"],"Resource":"*"}]}"#;
const MANAGED: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:GetRole","sns:Publish"],"Resource":"*"}]}"#;
const NO_SQS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sqs:*","Resource":"*"}]}"#;

/// An account of an organization, with a bit of everything.
fn seeded() -> Moto {
    let moto = Moto::start();
    let iam = |operation: &str, parameters: &[(&str, &str)]| moto.call("iam", operation, parameters);
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/team/shared");
    iam("CreatePolicy", &[("PolicyName", "shared"), ("Path", "/team/"), ("PolicyDocument", MANAGED)]);
    for role in ["app", "idle"] {
        iam(
            "CreateRole",
            &[
                ("RoleName", role),
                ("AssumeRolePolicyDocument", TRUST),
                ("Tags.member.1.Key", "team"),
                ("Tags.member.1.Value", "shop"),
            ],
        );
    }
    iam("PutRolePolicy", &[("RoleName", "app"), ("PolicyName", "inline"), ("PolicyDocument", INLINE)]);
    iam("AttachRolePolicy", &[("RoleName", "app"), ("PolicyArn", &policy)]);
    iam("CreateInstanceProfile", &[("InstanceProfileName", "web")]);
    iam("AddRoleToInstanceProfile", &[("InstanceProfileName", "web"), ("RoleName", "app")]);
    iam("CreateUser", &[("UserName", "ann")]);
    iam("CreateGroup", &[("GroupName", "devs")]);
    iam("AddUserToGroup", &[("GroupName", "devs"), ("UserName", "ann")]);
    iam(
        "CreateOpenIDConnectProvider",
        &[
            ("Url", "https://token.example.org"),
            ("ClientIDList.member.1", "sts.amazonaws.com"),
            ("ThumbprintList.member.1", &"a".repeat(40)),
        ],
    );
    iam("CreateSAMLProvider", &[("Name", "Okta"), ("SAMLMetadataDocument", &"a".repeat(1_024))]);

    let organizations = |operation: &str, parameters: &[(&str, &str)]| {
        parsed(&moto.call("organizations", operation, parameters))
    };
    organizations("CreateOrganization", &[("FeatureSet", "ALL")]);
    let root = organizations("ListRoots", &[])["Roots"][0]["Id"].as_str().unwrap().to_owned();
    let unit = organizations("CreateOrganizationalUnit", &[("ParentId", &root), ("Name", "work")]);
    let unit = unit["OrganizationalUnit"]["Id"].as_str().unwrap().to_owned();
    let member =
        organizations("CreateAccount", &[("AccountName", "member"), ("Email", "member@example.org")]);
    let member = member["CreateAccountStatus"]["AccountId"].as_str().unwrap().to_owned();
    organizations(
        "MoveAccount",
        &[("AccountId", &member), ("SourceParentId", &root), ("DestinationParentId", &unit)],
    );
    organizations("EnablePolicyType", &[("RootId", &root), ("PolicyType", "SERVICE_CONTROL_POLICY")]);
    let scp = organizations(
        "CreatePolicy",
        &[
            ("Name", "no-sqs"),
            ("Description", "none"),
            ("Type", "SERVICE_CONTROL_POLICY"),
            ("Content", &json!(NO_SQS).to_string()),
        ],
    );
    let scp = scp["Policy"]["PolicySummary"]["Id"].as_str().unwrap().to_owned();
    organizations("AttachPolicy", &[("PolicyId", &scp), ("TargetId", &unit)]);

    let cluster = json!({"name": "prod", "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/app"), "resourcesVpcConfig": {"subnetIds": ["subnet-1"]}});
    moto.send("POST", "/clusters", "eks", "Content-Type: application/json\r\n", &cluster.to_string());
    moto.send("PUT", "/trail-bucket", "s3", "", "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>");
    moto.call(
        "cloudtrail",
        "CreateTrail",
        &[
            ("Name", "main"),
            ("S3BucketName", "trail-bucket"),
            ("IsMultiRegionTrail", "true"),
            ("EnableLogFileValidation", "true"),
        ],
    );
    moto.call("cloudtrail", "StartLogging", &[("Name", "main")]);
    moto.call(
        "cloudtrail",
        "PutEventSelectors",
        &[("TrailName", "main"), ("EventSelectors", r#"[{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]}]"#)],
    );
    moto
}

/// What moto lacks, as AWS answers it.
fn recorded(request: &Request) -> Option<Answer> {
    let association = json!({"clusterName": "prod", "namespace": "shop", "serviceAccount": "checkout", "associationId": "a-1",
        "associationArn": format!("arn:aws:eks:eu-west-1:{ACCOUNT}:podidentityassociation/prod/a-1")});
    Some(match request.operation.as_str() {
        "GenerateServiceLastAccessedDetails" => {
            assert_eq!(request.form["Granularity"], "ACTION_LEVEL");
            // A job of its own each time.
            static JOBS: AtomicUsize = AtomicUsize::new(0);
            let role = request.form["Arn"].rsplit('/').next().unwrap();
            let job = format!("{:028}-{role:0>7}", JOBS.fetch_add(1, Ordering::SeqCst));
            Answer::xml(format!(
                "<GenerateServiceLastAccessedDetailsResponse><GenerateServiceLastAccessedDetailsResult><JobId>{job}</JobId></GenerateServiceLastAccessedDetailsResult></GenerateServiceLastAccessedDetailsResponse>"
            ))
        }
        "GetServiceLastAccessedDetails" => last_accessed(request),
        "ListPodIdentityAssociations" => Answer::json(&json!({"associations": [association]})),
        "DescribePodIdentityAssociation" => {
            let mut whole = association;
            whole["roleArn"] = json!(format!("arn:aws:iam::{ACCOUNT}:role/app"));
            whole["disableSessionTags"] = json!(true);
            Answer::json(&json!({"association": whole}))
        }
        _ if request.service == "ecs" => return ecs(request),
        "ListPublicKeys" => {
            let key = |n: u32| json!({"Value": "AQID", "Fingerprint": format!("{n:032}"), "ValidityStartTime": 1_700_000_000 + n, "ValidityEndTime": 1_800_000_000});
            match request.json["NextToken"].as_str() {
                None => Answer::json(&json!({"PublicKeyList": [key(2)], "NextToken": "more"})),
                Some("more") => Answer::json(&json!({"PublicKeyList": [key(1)]})),
                Some(other) => panic!("{other}"),
            }
        }
        _ => return None,
    })
}

/// A cluster with a service in the middle of a deployment, a task of it, and one started by hand.
fn ecs(request: &Request) -> Option<Answer> {
    let arn = |what: &str| format!("arn:aws:ecs:eu-west-1:{ACCOUNT}:{what}");
    let json = &request.json;
    Some(Answer::json(&match request.operation.as_str() {
        // Two pages, the first one empty.
        "ListClusters" => match json["nextToken"].as_str() {
            None => json!({"clusterArns": [], "nextToken": "more"}),
            Some("more") => json!({"clusterArns": [arn("cluster/shop")]}),
            Some(other) => panic!("{other}"),
        },
        "ListServices" => json!({"serviceArns": [arn("service/shop/web")]}),
        "DescribeServices" => {
            assert_eq!(json["services"], json!([arn("service/shop/web")]));
            json!({"services": [{"serviceArn": arn("service/shop/web"), "serviceName": "web", "clusterArn": arn("cluster/shop"),
                "taskDefinition": arn("task-definition/web:8"), "runningCount": 3, "createdAt": 1_700_000_000.5,
                "deployments": [{"id": "ecs-svc/1", "taskDefinition": arn("task-definition/web:8")}, {"id": "ecs-svc/0", "taskDefinition": arn("task-definition/web:7")}],
                "events": [{"message": "(service web) has reached a steady state."}]}], "failures": []})
        }
        "ListTasks" => json!({"taskArns": [arn("task/shop/0123"), arn("task/shop/4567")]}),
        "DescribeTasks" => {
            let task = |id: &str, group: &str, definition: &str| {
                json!({"taskArn": arn(&format!("task/shop/{id}")), "clusterArn": arn("cluster/shop"), "group": group,
                    "taskDefinitionArn": arn(definition), "overrides": {"containerOverrides": [{"name": "c", "environment": [{"name": "K", "value": "a-secret"}]}]}})
            };
            json!({"tasks": [task("0123", "service:web", "task-definition/web:7"), task("4567", "family:job", "task-definition/job:1")]})
        }
        "DescribeTaskDefinition" => {
            let name = json["taskDefinition"].as_str().unwrap();
            json!({"taskDefinition": {"taskDefinitionArn": name, "family": "web", "revision": 7,
                "taskRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/{}", if name.contains("/web:") { "app" } else { "idle" }),
                "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/ecs-starts"),
                "containerDefinitions": [{"name": "c", "environment": [{"name": "KEY", "value": "a-secret"}]}]}, "tags": []})
        }
        other => panic!("{other}"),
    }))
}

#[test]
fn ecs_is_read_of_a_server_that_was_not_made_for_this() {
    let moto = Moto::start();
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    for name in ["app", "job"] {
        moto.call("iam", "CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", TRUST)]);
    }
    let ecs = |operation: &str, parameters: &[(&str, &str)]| parsed(&moto.call("ecs", operation, parameters));
    ecs("CreateCluster", &[("clusterName", "shop")]);
    // More services than are described in one call, and more than one page of them.
    let containers =
        r#"[{"name":"c","image":"i","memory":128,"environment":[{"name":"KEY","value":"a-secret"}]}]"#;
    for (family, name) in [("web", "app"), ("worker", "app"), ("batch", "job")] {
        ecs(
            "RegisterTaskDefinition",
            &[("family", family), ("taskRoleArn", &role(name)), ("containerDefinitions", containers)],
        );
    }
    for n in 0..12 {
        let parameters =
            [("cluster", "shop"), ("serviceName", &*format!("web-{n:02}")), ("taskDefinition", "web")];
        ecs("CreateService", &parameters);
    }
    ecs("CreateService", &[("cluster", "shop"), ("serviceName", "batch"), ("taskDefinition", "batch")]);
    let server = Server::new(Some(&moto), |_| None);
    let dir = tempfile::tempdir().unwrap();
    let (exit, stderr) = snapshot(dir.path(), &server, &["--out", "snap", "--only", "iam,ecs"]);
    assert_eq!(exit, 0, "{stderr}");
    let files = files(&dir.path().join("snap"));
    let text = &files[&format!("{ACCOUNT}/eu-west-1/ecs.json")];
    assert!(!text.contains("a-secret"), "{text}");
    let asked = server.asked();
    for operation in
        ["ListClusters", "ListServices", "DescribeServices", "ListTasks", "DescribeTaskDefinition"]
    {
        assert!(asked.contains(&format!("ecs {operation}")), "{operation}: {asked:?}");
    }
    let inventory = leastwise::inventory::read(&[dir.path().join("snap")], &[]).unwrap();
    assert_eq!(inventory.problems, Vec::<String>::new());
    // One service alone runs with the one role; twelve share the other.
    assert_eq!(inventory.ecs.service(&role("job")), Some("shop/batch"));
    assert_eq!(inventory.ecs.service(&role("app")), None);
}

/// Under way first, then two pages.
fn last_accessed(request: &Request) -> Answer {
    static ASKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let page = |status: &str, services: &str, more: &str| {
        Answer::xml(format!(
            "<GetServiceLastAccessedDetailsResponse><GetServiceLastAccessedDetailsResult><JobStatus>{status}</JobStatus><JobType>ACTION_LEVEL</JobType><JobCreationDate>2026-03-20T00:00:00Z</JobCreationDate>{more}<ServicesLastAccessed>{services}</ServicesLastAccessed></GetServiceLastAccessedDetailsResult></GetServiceLastAccessedDetailsResponse>"
        ))
    };
    let done = "<JobCompletionDate>2026-03-20T00:00:01Z</JobCompletionDate>";
    let job = &request.form["JobId"];
    if job.ends_with("idle") {
        let status = if ASKED.lock().unwrap().insert(job.clone()) { "IN_PROGRESS" } else { "COMPLETED" };
        return page(status, "", done);
    }
    match request.form.get("Marker").map(String::as_str) {
        None => page(
            "COMPLETED",
            "<member><ServiceName>Amazon SNS</ServiceName><ServiceNamespace>sns</ServiceNamespace><TotalAuthenticatedEntities>0</TotalAuthenticatedEntities></member>",
            &format!("<IsTruncated>true</IsTruncated><Marker>m</Marker>{done}"),
        ),
        Some("m") => page(
            "COMPLETED",
            "<member><ServiceName>Amazon EC2</ServiceName><ServiceNamespace>ec2</ServiceNamespace><LastAuthenticated>2026-03-10T00:00:00Z</LastAuthenticated><TotalAuthenticatedEntities>1</TotalAuthenticatedEntities><TrackedActionsLastAccessed><member><ActionName>RunInstances</ActionName><LastAccessedTime>2026-03-10T00:00:00Z</LastAccessedTime></member></TrackedActionsLastAccessed></member>",
            &format!("<IsTruncated>false</IsTruncated>{done}"),
        ),
        Some(other) => panic!("{other}"),
    }
}

#[test]
fn an_account_is_read_whole_under_exactly_the_policy_that_permissions_prints() {
    let moto = seeded();
    let server = Server::new(Some(&moto), recorded);
    let dir = tempfile::tempdir().unwrap();
    let (exit, policy, _) = leastwise(
        dir.path(),
        &["permissions", "--for", "snapshot,organization,member-accounts", "--member-role", "reader"],
        &[],
    );
    assert_eq!(exit, 0);
    let policy = parsed(&policy);
    server.enforce(&policy);
    // The organization has two accounts; both are read, one through the member role.
    let all = ["--out", "snap", "--member-role", "reader"];
    let (exit, stderr) = snapshot(dir.path(), &server, &all);
    assert_eq!(exit, 0, "{stderr}");
    let asked = server.asked();
    let declared: BTreeSet<String> = CALLS
        .iter()
        .filter(|call| {
            [Feature::Snapshot, Feature::Organization, Feature::MemberAccounts].contains(&call.feature)
        })
        .map(|call| format!("{} {}", call.service, call.operation))
        .collect();
    assert_eq!(asked, declared, "what is called is what the table says");

    // Each permission is needed: without it exactly its call is named as unread, and the rest is there.
    let actions: BTreeSet<&str> = CALLS
        .iter()
        .filter(|call| {
            [Feature::Snapshot, Feature::Organization, Feature::MemberAccounts].contains(&call.feature)
        })
        .filter_map(|call| call.action)
        .collect();
    let granted: BTreeSet<String> = policy["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .map(|action| action.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(granted.iter().map(String::as_str).collect::<BTreeSet<_>>(), actions);
    for action in actions {
        let mut less = policy.clone();
        for statement in less["Statement"].as_array_mut().unwrap() {
            statement["Action"].as_array_mut().unwrap().retain(|own| own != action);
        }
        less["Statement"].as_array_mut().unwrap().retain(|one| !one["Action"].as_array().unwrap().is_empty());
        server.enforce(&less);
        let (exit, stderr) = snapshot(dir.path(), &server, &["--out", "less"]);
        if action == "sts:AssumeRole" {
            assert_eq!(exit, 0, "the own account needs no role: {stderr}");
            continue;
        }
        assert_eq!(exit, 4, "{action}: {stderr}");
        let operation = action.split(':').nth(1).unwrap();
        let failures = parsed(&fs::read_to_string(dir.path().join("less/failures.json")).unwrap());
        let failures = failures["leastwiseFailures"].as_array().unwrap();
        assert!(!failures.is_empty());
        for failure in failures {
            assert!(failure["what"].as_str().unwrap().contains(operation), "{action}: {failures:?}");
            assert!(failure["error"].as_str().unwrap().contains("AccessDenied"), "{failure}");
            assert!(failure["hint"].as_str().unwrap().contains("leastwise permissions"), "{failure}");
        }
    }
    // What was missing does not stay behind.
    server.enforce(&policy);
    assert_eq!(snapshot(dir.path(), &server, &["--out", "less"]).0, 0);
    assert!(!dir.path().join("less/failures.json").exists());
}

#[test]
fn a_snapshot_is_stable_and_audits_like_the_same_grants_from_files() {
    let moto = seeded();
    let server = Server::new(Some(&moto), recorded);
    let dir = tempfile::tempdir().unwrap();
    let (exit, stderr) = snapshot(dir.path(), &server, &["--out", "snap"]);
    assert_eq!(exit, 0, "{stderr}");
    let first = files(&dir.path().join("snap"));
    let names: Vec<&str> = first.keys().map(String::as_str).collect();
    let own = |name: &str| format!("{ACCOUNT}/{name}");
    assert_eq!(
        names,
        [
            own("authorization-details.json").as_str(),
            &own("eu-west-1/ecs.json"),
            &own("eu-west-1/eks/prod.json"),
            &own("instance-profiles.json"),
            &own("last-accessed.json"),
            &own("oidc-providers.json"),
            &own("saml-providers.json"),
            &own("trails.json"),
            "organization.json",
            "public-keys/eu-west-1.json",
            "snapshot.json"
        ]
    );
    assert_eq!(snapshot(dir.path(), &server, &["--out", "snap"]).0, 0);
    assert_eq!(files(&dir.path().join("snap")), first, "the same account gives the same bytes");

    // Documents are objects whether they came encoded (inline policies) or not (moto's trust policies).
    let details = parsed(&first[&own("authorization-details.json")]);
    let app =
        details["RoleDetailList"].as_array().unwrap().iter().find(|role| role["RoleName"] == "app").unwrap();
    assert_eq!(app["AssumeRolePolicyDocument"], parsed(TRUST));
    assert_eq!(app["RolePolicyList"][0]["PolicyDocument"], parsed(INLINE));
    assert_eq!(app["Tags"], json!([{"Key": "team", "Value": "shop"}]));
    let shared = details["Policies"]
        .as_array()
        .unwrap()
        .iter()
        // moto leaves out its name.
        .find(|policy| policy["Arn"].as_str().unwrap().ends_with(":policy/team/shared"))
        .unwrap();
    assert_eq!(shared["PolicyVersionList"][0]["Document"], parsed(MANAGED));
    let eks = parsed(&first[&own("eu-west-1/eks/prod.json")]);
    assert!(eks["cluster"]["identity"]["oidc"]["issuer"].as_str().unwrap().starts_with("https://"));
    assert_eq!(eks["associations"][0]["serviceAccount"], "checkout");
    // What containers are given is not kept, nor what is another each time.
    let ecs = &first[&own("eu-west-1/ecs.json")];
    assert!(!ecs.contains("a-secret") && !ecs.contains("0123") && !ecs.contains("runningCount"), "{ecs}");
    assert_eq!(parsed(ecs).as_array().unwrap().len(), 5, "services, tasks, three definitions: {ecs}");
    let seen = parsed(&first[&own("last-accessed.json")]);
    let services: Vec<&str> = seen[0]["ServicesLastAccessed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["ServiceNamespace"].as_str().unwrap())
        .collect();
    assert_eq!(services, ["ec2", "sns"], "both pages, sorted");
    let trails = parsed(&first[&own("trails.json")]);
    assert_eq!(
        (&trails[0]["trailList"][0]["IsLogging"], &trails[0]["trailList"][0]["LogFileValidationEnabled"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(trails[1]["EventSelectors"][0]["DataResources"][0]["Values"], json!(["arn:aws:s3"]));
    let keys = parsed(&first["public-keys/eu-west-1.json"]);
    assert_eq!(keys["PublicKeyList"].as_array().unwrap().len(), 2);
    assert_eq!(keys["PublicKeyList"][0]["Value"], "AQID");

    // The inventory it makes has no gaps.
    let inventory = leastwise::inventory::read(&[dir.path().join("snap")], &[]).unwrap();
    assert_eq!(inventory.problems, [""; 0]);
    assert_eq!(inventory.role_of_instance_profile("web", Some(ACCOUNT)).unwrap().name, "app");
    let service = |role: &str| inventory.ecs.service(&format!("arn:aws:iam::{ACCOUNT}:role/{role}"));
    // Two things are started with the third one.
    assert_eq!((service("app"), service("idle"), service("ecs-starts")), (Some("shop/web"), None, None));
    assert!(inventory.organization.is_some() && inventory.clusters.len() == 1 && inventory.trails.len() == 1);

    // The same grants written by hand, in the shape the AWS command line prints.
    let role = |of: &Value, inline: Value, attached: Value, profiles: Value| {
        json!({"Path": "/", "RoleName": of["RoleName"], "RoleId": of["RoleId"], "Arn": of["Arn"], "CreateDate": of["CreateDate"],
            "AssumeRolePolicyDocument": parsed(TRUST), "RolePolicyList": inline, "AttachedManagedPolicies": attached,
            "InstanceProfileList": profiles, "Tags": []})
    };
    let idle =
        details["RoleDetailList"].as_array().unwrap().iter().find(|role| role["RoleName"] == "idle").unwrap();
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/team/shared");
    let by_hand = json!({"UserDetailList": [], "GroupDetailList": [],
        "RoleDetailList": [
            role(app, json!([{"PolicyName": "inline", "PolicyDocument": parsed(INLINE)}]), json!([{"PolicyName": "shared", "PolicyArn": policy}]),
                json!([{"Arn": format!("arn:aws:iam::{ACCOUNT}:instance-profile/web")}])),
            role(idle, json!([]), json!([]), json!([]))],
        "Policies": [{"PolicyName": "shared", "Arn": policy, "DefaultVersionId": "v1",
            "PolicyVersionList": [{"VersionId": "v1", "IsDefaultVersion": true, "Document": parsed(MANAGED)}]}]});
    fs::create_dir(dir.path().join("hand")).unwrap();
    fs::write(dir.path().join("hand/account.json"), by_hand.to_string()).unwrap();
    for name in ["last-accessed.json", "trails.json", "eu-west-1/ecs.json", "eu-west-1/eks/prod.json"] {
        let to = dir.path().join("hand").join(name.rsplit('/').next().unwrap());
        fs::write(to, &first[&own(name)]).unwrap();
    }
    fs::write(dir.path().join("organization.json"), &first["organization.json"]).unwrap();
    let log = super::inventory::logs().replace("111122223333", ACCOUNT);
    fs::write(dir.path().join("log.json"), log).unwrap();
    let audit = |iam: &str, more: &[&str]| {
        let mut args = vec!["audit", "log.json", "--iam", iam, "--format", "json"];
        args.extend(more);
        let (exit, stdout, stderr) = leastwise(dir.path(), &args, &[]);
        assert_eq!(exit, 0, "{stderr}");
        parsed(&stdout)
    };
    let from_snapshot = audit("snap", &[]);
    let from_files = audit("hand", &["--organization", "organization.json"]);
    // Where a statement stands is another file in each.
    let roles = |report: &Value| {
        let mut roles = report["roles"].clone();
        for role in roles.as_array_mut().unwrap() {
            for grant in role["granted"]["effective"].as_array_mut().into_iter().flatten() {
                grant["from"]["file"].take();
                grant["from"]["at"].take();
            }
        }
        roles
    };
    assert_eq!(roles(&from_snapshot), roles(&from_files));
    assert_eq!(from_snapshot["workloads"], from_files["workloads"]);
    assert_eq!(from_snapshot["bindings"], from_files["bindings"]);
    // The snapshot brings public keys too, so that log files count as verified or not.
    let coverage = |report: &Value| {
        let mut coverage = report["coverage"].clone();
        coverage.as_object_mut().unwrap().remove("integrity").unwrap();
        coverage
    };
    assert_eq!(coverage(&from_snapshot), coverage(&from_files));
    assert_eq!(from_snapshot["coverage"]["integrity"]["files_unverified"], 1);
    let role = |name: &str| {
        from_snapshot["roles"].as_array().unwrap().iter().find(|role| role["name"] == name).unwrap().clone()
    };
    assert_eq!(role("app")["calls"], 33);
    assert_eq!(role("app")["granted"]["actions"], 6);

    // Live is the same, without the folder in between.
    let args = vec![
        "audit",
        "log.json",
        "--iam",
        "live",
        "--format",
        "json",
        "--endpoint-url",
        &server.url,
        "--region",
        "eu-west-1",
    ];
    let (exit, stdout, stderr) = leastwise(dir.path(), &args, KEYS);
    assert_eq!(exit, 0, "{stderr}");
    let live = parsed(&stdout);
    assert_eq!(roles(&live), roles(&from_snapshot));
    for part in ["workloads", "bindings", "window"] {
        assert_eq!(live[part], from_snapshot[part], "{part}");
    }
    assert_eq!(coverage(&live), coverage(&from_snapshot));
    // An explanation too, of which last accessed data, trails and keys are no part.
    let about = |iam: &str| {
        let args =
            ["explain", "--role", "app", "--subject", "ec2.amazonaws.com", "--format", "json", "--iam", iam];
        let way = ["--endpoint-url", &server.url, "--region", "eu-west-1"];
        let (exit, stdout, stderr) = leastwise(dir.path(), &[&args[..], &way[..]].concat(), KEYS);
        let said = parsed(&stdout);
        (exit, [said["verdict"].clone(), said["cause"].clone(), said["reason"].clone()], stderr)
    };
    let by_folder = about("snap");
    server.asked();
    let by_live = about("live");
    assert_eq!((by_live.0, &by_live.1), (by_folder.0, &by_folder.1), "{}", by_live.2);
    assert_eq!(by_live.1[0], "allowed", "{}", by_live.2);
    let asked = server.asked();
    assert!(asked.contains("iam GetAccountAuthorizationDetails") && asked.contains("eks ListClusters"));
    assert!(
        !asked.iter().any(|call| call.contains("LastAccessed") || call.starts_with("cloudtrail")),
        "{asked:?}"
    );
    // And what cannot be read live makes the report incomplete.
    server.enforce(&json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": "iam:ListSAMLProviders", "Resource": "*"}]}));
    let (exit, stdout, stderr) = leastwise(dir.path(), &args, KEYS);
    assert_eq!(exit, 4, "{stderr}");
    assert!(stderr.contains("not read: iam ListSAMLProviders of account 123456789012"), "{stderr}");
    assert!(parsed(&stdout)["coverage"]["grant_problems"].to_string().contains("ListSAMLProviders"));
    assert_eq!(about("live").0, 4);
}

/// The operations that files of the `aws` module call, without blanks and case: `client.list_roots()` is `listroots`.
fn called() -> BTreeSet<String> {
    const VERBS: &[&str] = &[
        "assume_",
        "copy_",
        "create_",
        "decode_",
        "delete_",
        "describe_",
        "generate_",
        "get_",
        "head_",
        "list_",
        "lookup_",
        "put_",
        "update_",
    ];
    // Members of answers, and of Rust's own library, that begin like operations.
    const MEMBERS: &[&str] =
        &["assume_role_policy_document", "create_date", "get_or_insert_default", "update_date"];
    let folder = crate::support::root().join("src/aws");
    let mut found = BTreeSet::new();
    for text in files(&folder).values().map(|text| text.split("#[cfg(test)]").next().unwrap()) {
        for part in text.split('.').skip(1) {
            let name: String = part
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')
                .collect();
            let is_call =
                part[name.len()..].starts_with("()") && VERBS.iter().any(|verb| name.starts_with(verb));
            if is_call && !MEMBERS.contains(&name.as_str()) {
                found.insert(name.replace('_', ""));
            }
        }
    }
    found
}

#[test]
fn every_call_in_the_sources_is_in_the_table() {
    // Reading keys is S3's own call to KMS.
    let declared: BTreeSet<String> = CALLS
        .iter()
        .filter(|call| call.service != "kms")
        .map(|call| call.operation.to_ascii_lowercase())
        .collect();
    let missing: Vec<String> = called().difference(&declared).cloned().collect();
    assert_eq!(missing, [""; 0], "add a row to `src/aws/calls.rs`");
    for call in CALLS {
        let mapped = leastwise::catalog::Catalog::embedded()
            .map(&format!("{}.amazonaws.com", call.service), call.operation)
            .actions;
        assert_eq!(mapped.first().map(String::as_str), call.action, "{call:?}");
    }
}

#[test]
fn permissions_name_what_is_told_and_mark_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (exit, policy, stderr) = leastwise(dir.path(), &["permissions", "--for", "audit"], &[]);
    assert_eq!(exit, 0);
    assert!(
        stderr.contains("replace what stands in capitals") && policy.contains("arn:aws:s3:::LOG-BUCKET/*"),
        "{policy}{stderr}"
    );
    let told = [
        "permissions",
        "--for",
        "audit,lookup-events,member-accounts",
        "--bucket",
        "s3://logs/org/",
        "--bucket",
        "more",
        "--key",
        "arn:aws-cn:kms:cn-north-1:111122223333:key/1",
        "--member-role",
        "/audit/reader",
        "--partition",
        "aws-cn",
    ];
    let (exit, policy, stderr) = leastwise(dir.path(), &told, &[]);
    assert_eq!((exit, stderr.as_str()), (0, ""));
    let statements = [
        json!({"Sid": "AuditBucket", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws-cn:s3:::logs", "arn:aws-cn:s3:::more"]}),
        json!({"Sid": "AuditObjects", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws-cn:s3:::logs/org/*", "arn:aws-cn:s3:::more/*"]}),
        json!({"Sid": "AuditKey", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": ["arn:aws-cn:kms:cn-north-1:111122223333:key/1"]}),
        json!({"Sid": "LookupEvents", "Effect": "Allow", "Action": ["cloudtrail:LookupEvents"], "Resource": "*"}),
        json!({"Sid": "MemberAccountsRole", "Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": "arn:aws-cn:iam::*:role/audit/reader"}),
    ];
    assert_eq!(parsed(&policy), json!({"Version": "2012-10-17", "Statement": statements}));
}

#[test]
fn a_dry_run_says_which_calls_and_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody listens there.
    let nowhere = ["--endpoint-url", "http://127.0.0.1:9", "--region", "eu-west-1"];
    let run = |options: &[&str]| {
        let (exit, stdout, stderr) =
            leastwise(dir.path(), &[&["snapshot", "--dry-run"], options, &nowhere[..]].concat(), &[]);
        assert_eq!(exit, 0, "{stderr}");
        stdout
    };
    let text = run(&[]);
    assert!(
        text.contains(
            "iam GetAccountAuthorizationDetails, for each account; needs iam:GetAccountAuthorizationDetails"
        ),
        "{text}"
    );
    assert!(!text.contains("AssumeRole"), "{text}");
    assert!(
        run(&["--member-role", "r"])
            .contains("sts AssumeRole, for each member account; needs sts:AssumeRole")
    );
    let eks = parsed(&run(&["--only", "eks", "--format", "json"]));
    let names: Vec<&str> =
        eks.as_array().unwrap().iter().map(|call| call["operation"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "GetCallerIdentity",
            "ListClusters",
            "DescribeCluster",
            "ListPodIdentityAssociations",
            "DescribePodIdentityAssociation"
        ]
    );
    let skipped = run(&["--skip", "organization,last-accessed"]);
    assert!(!skipped.contains("organizations") && !skipped.contains("LastAccessed"), "{skipped}");
    let parts: BTreeSet<Part> = CALLS.iter().filter_map(|call| call.part).collect();
    assert_eq!(parts, Part::ALL.into());
}
