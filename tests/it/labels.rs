//! What ran below a workload: labels beside the attribution, never in its place.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::root;

fn audit(dir: &Path, sources: &Path, more: &[&str]) -> Value {
    let out = dir.join("out");
    let output = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .arg("audit")
        .arg(sources)
        .arg("--out")
        .arg(&out)
        .args(more)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let code = output.status.code().unwrap();
    assert!([0, 4].contains(&code), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&std::fs::read_to_string(out.join("report.json")).unwrap()).unwrap()
}

/// `kind=value (basis, attribution)` of each label of the workloads whose id ends so.
fn labels(report: &Value, id: &str) -> Vec<String> {
    let workloads = report["workloads"].as_array().unwrap();
    let found = workloads.iter().find(|one| one["id"].as_str().unwrap().ends_with(id));
    let found = found.unwrap_or_else(|| panic!("no workload ends in {id}: {workloads:#?}"));
    let list = found["labels"].as_array().cloned().unwrap_or_default();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    list.iter()
        .map(|one| {
            assert!(!text(one, "event").is_empty(), "{one}");
            format!(
                "{}={} ({}, {})",
                text(one, "kind"),
                text(one, "value"),
                text(one, "basis"),
                text(one, "attribution")
            )
        })
        .collect()
}

#[test]
fn the_samples_workloads_are_labelled_with_what_ran_in_them() {
    let dir = tempfile::tempdir().unwrap();
    let logs = root().join("sample-logs");
    let iam = logs.join("iam").display().to_string();
    let dags = logs.join("airflow-dags.json").display().to_string();
    let report = audit(dir.path(), &logs, &["--iam", &iam, "--airflow-dags", &dags]);
    // Of another Airflow no list is given: its DAG stays a key.
    assert_eq!(
        labels(&report, "northwind-airflow-task"),
        [
            "airflow-dag-key=103f4dc8-2bf1-5686-9c2f-8380adc182d4 (user-agent, inferred)",
            "airflow-operator=StepFunctionStartExecutionOperator (user-agent, inferred)"
        ]
    );
    assert_eq!(
        labels(&report, "airflow/airflow-worker"),
        [
            "airflow-connection=inventory (session-name, inferred)",
            "airflow-connection=orders_db (session-name, inferred)",
            "airflow-dag=inventory_sync (user-agent, inferred)",
            "airflow-dag=orders_daily (user-agent, inferred)",
            "airflow-operator=AthenaOperator (user-agent, inferred)",
            "airflow-operator=GlueJobOperator (user-agent, inferred)",
        ]
    );
    let worker = report["workloads"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"].as_str().unwrap().ends_with("-worker-serviceaccount"))
        .unwrap();
    let namespace = worker["namespace"].as_str().unwrap();
    assert_eq!(
        labels(&report, "-worker-serviceaccount"),
        [
            "astronomer-component=worker (service-account, inferred)".to_owned(),
            format!("astronomer-deployment={namespace} (service-account, inferred)")
        ]
    );
    let pipeline = labels(&report, "/infra");
    assert!(pipeline.contains(&"environment=production (token, exact)".to_owned()), "{pipeline:?}");
    // A role's own list holds what ran when that role was used, and no other.
    let roles: BTreeMap<&str, &Value> = report["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| (role["name"].as_str().unwrap(), role))
        .collect();
    let values = |role: &str| -> Vec<&str> {
        let all = roles[role]["workloads"].as_array().unwrap();
        let airflow = all.iter().find(|one| one["id"].as_str().unwrap().ends_with("airflow-worker")).unwrap();
        airflow["labels"].as_array().unwrap().iter().map(|label| label["value"].as_str().unwrap()).collect()
    };
    assert_eq!(values("northwind-dag-orders"), ["orders_db", "orders_daily", "AthenaOperator"]);
    // The forger's session names make no label out of a claim about pods, and leave the workload what it is.
    let forger = labels(&report, "user/northwind-ci-legacy");
    // What it says in its session's tags is told as its own word.
    assert_eq!(
        forger,
        [
            "airflow-connection=orders_db (session-name, inferred)",
            "session-tag=cost-center=7300 (session-tags, inferred)",
            "session-tag=report=monthly (session-tags, inferred)"
        ]
    );
}

/// A session of Pod Identity, its issuance, and one call with this user agent.
fn pod_session(pod: Option<&str>, agent: &str, n: usize) -> [Value; 2] {
    let name = format!("eks-production-orders-etl-{n:08}-1111-4222-8333-444444444444");
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    let mut tags = vec![
        tag("eks-cluster-arn", "arn:aws:eks:eu-west-1:111122223333:cluster/production"),
        tag("kubernetes-namespace", "argo"),
        tag("kubernetes-service-account", "runner"),
    ];
    tags.extend(pod.map(|pod| tag("kubernetes-pod-name", pod)));
    let key = format!("ASIAEXAMPLE{n:09}");
    let role = "arn:aws:iam::111122223333:role/lake";
    let base = json!({"eventVersion": "1.11", "eventTime": "2026-03-01T10:00:00Z", "awsRegion": "eu-west-1", "sourceIPAddress": "192.0.2.1",
        "recipientAccountId": "111122223333", "eventType": "AwsApiCall", "managementEvent": true, "eventCategory": "Management",
        "requestID": "r", "readOnly": true});
    let with = |more: Value| {
        let mut record = base.clone();
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record
    };
    let issued = with(
        json!({"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "eventID": format!("issue-{n}"),
        "userIdentity": {"type": "AWSService", "invokedBy": "pods.eks.amazonaws.com"},
        "requestParameters": {"roleArn": role, "roleSessionName": name, "tags": tags},
        "responseElements": {"credentials": {"accessKeyId": key}, "assumedRoleUser": {"assumedRoleId": format!("AROALAKE:{name}"),
            "arn": format!("arn:aws:sts::111122223333:assumed-role/lake/{name}")}}}),
    );
    let call = with(
        json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances", "eventID": format!("call-{n}"), "userAgent": agent,
        "userIdentity": {"type": "AssumedRole", "principalId": format!("AROALAKE:{name}"), "arn": format!("arn:aws:sts::111122223333:assumed-role/lake/{name}"),
            "accountId": "111122223333", "accessKeyId": key, "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROALAKE", "arn": role,
            "accountId": "111122223333", "userName": "lake"}, "attributes": {"creationDate": "2026-03-01T10:00:00Z"}}}}),
    );
    [issued, call]
}

fn write(dir: &Path, records: &[Value]) -> std::path::PathBuf {
    let logs = dir.join("logs");
    std::fs::create_dir(&logs).unwrap();
    std::fs::write(logs.join("log.json"), json!({"Records": records}).to_string()).unwrap();
    logs
}

#[test]
fn pods_argo_templates_and_dags_are_named() {
    let dir = tempfile::tempdir().unwrap();
    // The UUIDv5 of `example_dag` in the OID namespace.
    let agent =
        |key: &str| format!("Boto3/1.34 Airflow/2.9.1 AmPP/8.20.0 Caller/EcsRunTaskOperator DagRunKey/{key}");
    let records = [
        pod_session(Some("orders-etl-x7k2p-transform-1234567890"), "aws-cli/2", 1),
        pod_session(
            Some("orders-etl-b4c8d-load-1234567891"),
            &agent("678F35B8-00E5-5DEB-A595-2A64C2C3BCC6"),
            2,
        ),
        pod_session(None, &agent("00000000-0000-0000-0000-000000000000"), 3),
    ]
    .concat();
    let logs = write(dir.path(), &records);
    let list = dir.path().join("dags.json");
    std::fs::write(&list, r#"[{"dag_id": "other", "owner": "x"}, {"dag_id": "example_dag"}]"#).unwrap();
    let report = audit(dir.path(), &logs, &["--airflow-dags", list.to_str().unwrap()]);
    assert_eq!(report["workloads"].as_array().unwrap().len(), 1, "labels never split a workload");
    let expected = [
        "airflow-dag=example_dag (user-agent, inferred)",
        "airflow-operator=EcsRunTaskOperator (user-agent, inferred)",
        "argo-template=load (pod-name, inferred)",
        "argo-template=transform (pod-name, inferred)",
        "argo-workflow=orders-etl (pod-name, inferred)",
        "pod=orders-etl-* (tags, exact)",
        "pod-prefix=orders-etl (service-session, session)",
    ];
    assert_eq!(labels(&report, "argo/runner"), expected);
    std::fs::write(&list, "# one id a line\nexample_dag\n").unwrap();
    let by_lines = audit(dir.path(), &logs, &["--airflow-dags", list.to_str().unwrap()]);
    assert_eq!(labels(&by_lines, "argo/runner"), expected);
}

#[test]
fn a_workload_has_at_most_so_many_labels_and_says_when_there_were_more() {
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<Value> = (0..200).flat_map(|n| pod_session(Some(&format!("job-{n}")), "x", n)).collect();
    let logs = write(dir.path(), &records);
    let report = audit(dir.path(), &logs, &[]);
    let workload = &report["workloads"][0];
    assert_eq!(workload["sessions"], 200);
    assert_eq!(workload["labels"].as_array().unwrap().len(), 64);
    assert_eq!(workload["labels_cut"], true);
}

#[test]
fn a_list_of_dags_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let logs = write(dir.path(), &pod_session(None, "x", 1));
    let list = dir.path().join("dags.json");
    std::fs::write(&list, "[{\"name\": 1}]").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_leastwise"))
        .arg("audit")
        .arg(&logs)
        .arg("--airflow-dags")
        .arg(&list)
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("is no list of DAGs"), "{said}");
}

#[test]
fn roles_anywhere_names_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let [mut issued, call] = pod_session(None, "x", 1);
    issued["userIdentity"]["invokedBy"] = json!("rolesanywhere.amazonaws.com");
    issued["requestParameters"]["tags"] = json!([{"key": "x509Subject/CN", "value": "build-7.example.org"}, {"key": "x509Issuer/CN", "value": "ca"}]);
    issued["requestParameters"]["sourceIdentity"] = json!("CN=build-7.example.org");
    let logs = write(dir.path(), &[issued, call]);
    let report = audit(dir.path(), &logs, &[]);
    assert_eq!(
        labels(&report, "service:rolesanywhere.amazonaws.com/lake"),
        ["certificate=build-7.example.org (tags, exact)"]
    );
}
