//! Scripts of removals in stages, run against a server that answers like IAM: tried, taken back, finished, restored.

use std::fs;
use std::path::{Path, PathBuf};

use leastwise::report::{
    Attach, Language, NoNewAccess, Proof, Proposal, ProposalVerdict, ProposedPolicy, ProposedTrust, Replay,
    Report, Role, Stage, Trial, TrialKind, write_staged,
};
use serde_json::{Value, json};

use super::script::{ACCOUNT, Bench};
use crate::support::{Moto, python_tool};

fn policy(name: &str, effect: &str, action: &str) -> ProposedPolicy {
    ProposedPolicy {
        name: name.to_owned(),
        document: json!({
            "Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": "*"}],
        }),
        ..ProposedPolicy::default()
    }
}

fn trust(service: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": format!("{service}.amazonaws.com")}, "Action": "sts:AssumeRole"},
    ]})
}

/// A role with an inline and a managed policy, what is proposed for it, and a trial of this kind.
fn role(name: &str, verdict: ProposalVerdict, kind: TrialKind, attach: Attach) -> Role {
    let trial_name = match attach {
        Attach::Inline => "leastwise-trial".to_owned(),
        Attach::Managed => format!("leastwise-trial-{name}"),
    };
    let proven = || Proof { no_new_access: NoNewAccess::Proven, ..Proof::default() };
    let effect = if kind == TrialKind::Boundary { "Allow" } else { "Deny" };
    let document = policy(&trial_name, effect, "sqs:Delete*");
    let replaces = verdict == ProposalVerdict::Replace;
    Role {
        arn: format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
        account: ACCOUNT.to_owned(),
        name: name.to_owned(),
        in_snapshot: true,
        proposal: Proposal {
            verdict,
            policies: if replaces { vec![policy("own", "Allow", "sqs:Send*")] } else { Vec::new() },
            trust: replaces.then(|| ProposedTrust { document: trust("ec2"), ..ProposedTrust::default() }),
            proof: proven(),
            replay: Replay { requests: 1, allowed: 1, ..Replay::default() },
            current: vec![
                policy("own", "Allow", "sqs:*"),
                ProposedPolicy {
                    arn: Some(format!("arn:aws:iam::{ACCOUNT}:policy/wide-{name}")),
                    attach: Attach::Managed,
                    ..policy(&format!("wide-{name}"), "Allow", "sns:*")
                },
            ],
            current_trust: Some(trust("lambda")),
            ..Proposal::default()
        },
        stage: Some(Stage {
            watch_days: 14,
            trial: Some(Trial {
                kind,
                policy: ProposedPolicy { attach, ..document },
                exact: true,
                proof: proven(),
                ..Trial::default()
            }),
            ..Stage::default()
        }),
        ..Role::default()
    }
}

/// Makes the role as the report saw it.
fn make(bench: &Bench<'_>, role: &Role) {
    let trust = role.proposal.current_trust.as_ref().unwrap().to_string();
    bench.iam(&["create-role", "--role-name", &role.name, "--assume-role-policy-document", &trust]);
    bench.iam(&["tag-role", "--role-name", &role.name, "--tags", r#"[{"Key":"team","Value":"shop"}]"#]);
    for policy in &role.proposal.current {
        let document = policy.document.to_string();
        let name = ["--policy-name", &policy.name, "--policy-document", &document];
        match &policy.arn {
            None => bench.iam(&[&["put-role-policy", "--role-name", &role.name][..], &name].concat()),
            Some(arn) => {
                bench.iam(&[&["create-policy"][..], &name].concat());
                bench.iam(&["attach-role-policy", "--role-name", &role.name, "--policy-arn", arn]);
            }
        }
    }
}

fn written(dir: &Path, roles: Vec<Role>) -> PathBuf {
    let mut out = Vec::new();
    write_staged(Language::AwsCli, &Report { roles, ..Report::default() }, &mut out).unwrap();
    let path = dir.join("trial.sh");
    fs::write(&path, out).unwrap();
    path
}

#[test]
fn a_trial_is_tried_taken_back_finished_and_restored() {
    let moto = Moto::start();
    let bench = Bench::new(&moto);
    let kinds = [
        ("inline", TrialKind::Deny, Attach::Inline),
        ("managed", TrialKind::Deny, Attach::Managed),
        ("bounded", TrialKind::Boundary, Attach::Managed),
    ];
    let roles: Vec<Role> = kinds
        .iter()
        .map(|(name, kind, attach)| role(name, ProposalVerdict::Replace, *kind, *attach))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let script = written(dir.path(), roles.clone());
    let run = |step: &str, role: &str, status: i32, said: &str| {
        let output = bench.script(&script, &[step, role], &[]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{step} {role}: {stderr}");
        assert!(stderr.contains(said), "{step} {role}: {stderr}");
    };
    for role in &roles {
        let (name, trial) = (role.name.as_str(), role.stage.as_ref().unwrap().trial.as_ref().unwrap());
        make(&bench, role);
        let before = bench.state(name);
        // Nothing is removed, and nothing taken back, that is not being tried.
        run("finish", name, 1, "run the audit again");
        run("rollback", name, 1, "run the audit again");
        assert_eq!(bench.state(name), before);
        run("start", name, 0, "start: ");
        let tried = bench.state(name);
        let kind = match (trial.kind, trial.policy.attach) {
            (TrialKind::Boundary, _) => "boundary",
            (_, Attach::Inline) => "inline",
            (_, Attach::Managed) => "managed",
        };
        let mut expected = before.clone();
        expected.insert(format!("{kind} {}", trial.policy.name), super::canonical(&trial.policy.document));
        assert_eq!(tried, expected, "the role's own policies stay");
        run("start", name, 1, "run the audit again");
        run("rollback", name, 0, "");
        assert_eq!(bench.state(name), before);
        run("start", name, 0, "");
        run("finish", name, 0, "");
        let mut expected: std::collections::BTreeMap<String, Value> =
            [("trust".to_owned(), super::canonical(&trust("ec2")))].into();
        expected.insert("inline own".to_owned(), super::canonical(&role.proposal.policies[0].document));
        assert_eq!(bench.state(name), expected);
        run("restore", name, 0, "");
        assert_eq!(bench.state(name), before);
        // Whoever changed the role since the report decides anew.
        let document = policy("x", "Allow", "s3:*").document.to_string();
        bench.iam(&[
            "put-role-policy",
            "--role-name",
            name,
            "--policy-name",
            "x",
            "--policy-document",
            &document,
        ]);
        run("start", name, 1, "does not have the policies the report saw");
    }
    let output = bench.script(&script, &["start", "other"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let output = bench.script(&script, &[], &[]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_role_is_denied_everything_then_saved_and_deleted_and_made_again() {
    let moto = Moto::start();
    let bench = Bench::new(&moto);
    let role = role("idle", ProposalVerdict::DeleteRole, TrialKind::DenyAll, Attach::Inline);
    let dir = tempfile::tempdir().unwrap();
    let script = written(dir.path(), vec![role.clone()]);
    make(&bench, &role);
    bench.iam(&["create-instance-profile", "--instance-profile-name", "nodes"]);
    bench.iam(&["add-role-to-instance-profile", "--instance-profile-name", "nodes", "--role-name", "idle"]);
    let before = bench.state("idle");
    let run = |step: &str, variables: &[(&str, &str)]| {
        let output = bench.script_in(dir.path(), &script, &[step], variables);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{step}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let printed = run("start", &[("DRY_RUN", "1")]);
    assert!(printed.starts_with("aws iam put-role-policy "), "{printed}");
    assert_eq!(bench.state("idle"), before);
    run("start", &[]);
    assert!(bench.state("idle").contains_key("inline leastwise-trial"));
    run("finish", &[]);
    let gone = bench.command("aws").args(["iam", "get-role", "--role-name", "idle"]).output().unwrap();
    assert!(!gone.status.success());
    let saved = dir.path().join("leastwise-saved").join(ACCOUNT).join("idle");
    assert!(saved.join("whole").is_file() && saved.join("role.json").is_file());
    run("restore", &[]);
    assert_eq!(bench.state("idle"), before, "as it was, without the trial");
    let ask = |arguments: &[&str]| {
        let output = bench.command("aws").arg("iam").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(ask(&["list-role-tags", "--role-name", "idle"]).contains("shop"));
    assert!(ask(&["list-instance-profiles-for-role", "--role-name", "idle"]).contains("nodes"));
}

#[test]
fn trials_as_terraform_parse_and_say_the_same() {
    let roles = vec![
        role("inline", ProposalVerdict::Replace, TrialKind::Deny, Attach::Inline),
        role("managed", ProposalVerdict::DeleteRole, TrialKind::DenyAll, Attach::Managed),
        role("bounded", ProposalVerdict::Replace, TrialKind::Boundary, Attach::Managed),
    ];
    let mut out = Vec::new();
    let report = Report { roles: roles.clone(), ..Report::default() };
    write_staged(Language::Terraform, &report, &mut out).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trial.tf");
    fs::write(&path, &out).unwrap();
    let program = "import hcl2, json, sys\nprint(json.dumps(hcl2.load(open(sys.argv[1]))))";
    let read =
        std::process::Command::new(python_tool("python")).args(["-c", program]).arg(&path).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let parsed = String::from_utf8(read.stdout).unwrap();
    let text = String::from_utf8(out).unwrap();
    for role in &roles {
        let trial = &role.stage.as_ref().unwrap().trial.as_ref().unwrap().policy;
        assert!(parsed.contains(&trial.name), "{parsed}");
        assert!(text.contains(&format!("# Role {}", role.arn)), "{text}");
    }
    for kind in ["aws_iam_role_policy", "aws_iam_policy", "aws_iam_role_policy_attachment"] {
        assert!(parsed.contains(kind), "{parsed}");
    }
    assert_eq!(parsed.matches("sqs:Delete*").count(), 3, "{parsed}");
    assert!(text.contains("permissions_boundary"), "{text}");
}
