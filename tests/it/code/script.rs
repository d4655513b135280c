//! The script of AWS CLI calls, run against a server that answers like IAM: applied and taken back.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use leastwise::report::{Attach, Language, NoNewAccess, Report};
use serde_json::{Value, json};

use super::{canonical, files, odd};
use crate::support::{Moto, python_tool, root};

/// The account that the server's credentials are of.
pub(super) const ACCOUNT: &str = "123456789012";

/// The odd report, as one of the server's account.
fn report() -> Report {
    let text = serde_json::to_string(&odd()).unwrap().replace("444455556666", ACCOUNT);
    let mut report: Report = serde_json::from_str(&text).unwrap();
    report.roles.retain(|role| role.account == ACCOUNT);
    for role in &mut report.roles {
        let managed = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]});
        role.proposal.current.push(leastwise::report::ProposedPolicy {
            name: "wide".to_owned(),
            arn: Some(format!("arn:aws:iam::{ACCOUNT}:policy/wide")),
            attach: Attach::Managed,
            characters: 0,
            document: managed,
        });
        role.proposal.trust = Some(leastwise::report::ProposedTrust {
            document: json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}),
            ..leastwise::report::ProposedTrust::default()
        });
    }
    report
}

/// A folder with an `aws` in it that makes the same calls.
fn aws(dir: &Path) {
    let text = format!(
        "#!/bin/sh\nexec '{}' '{}' \"$@\"\n",
        python_tool("python").display(),
        root().join("tests/tools/aws.py").display()
    );
    let path = dir.join("aws");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(super) struct Bench<'m> {
    moto: &'m Moto,
    bin: tempfile::TempDir,
}

impl<'m> Bench<'m> {
    pub(super) fn new(moto: &'m Moto) -> Self {
        let bin = tempfile::tempdir().unwrap();
        aws(bin.path());
        Self { moto, bin }
    }

    pub(super) fn command(&self, program: &str) -> Command {
        let path = format!("{}:{}", self.bin.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(program);
        command.env("PATH", path).env("AWS_ENDPOINT_URL", self.moto.url());
        command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
        command
    }

    pub(super) fn iam(&self, arguments: &[&str]) {
        let output = self.command("aws").arg("iam").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub(super) fn script(&self, path: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command("bash").arg(path).args(arguments).envs(variables.iter().copied()).output().unwrap()
    }

    /// The same from a folder.
    pub(super) fn script_in(
        &self,
        dir: &Path,
        path: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Output {
        let mut command = self.command("bash");
        command.current_dir(dir).arg(path).args(arguments).envs(variables.iter().copied()).output().unwrap()
    }

    /// Every policy of a role, by kind and name, and its trust policy.
    pub(super) fn state(&self, role: &str) -> BTreeMap<String, Value> {
        let program = "import boto3, json, sys\niam = boto3.client('iam', region_name='us-east-1')\nrole = sys.argv[1]\n\
             out = {'trust': iam.get_role(RoleName=role)['Role']['AssumeRolePolicyDocument']}\n\
             for name in iam.list_role_policies(RoleName=role)['PolicyNames']:\n    out['inline ' + name] = iam.get_role_policy(RoleName=role, PolicyName=name)['PolicyDocument']\n\
             for one in iam.list_attached_role_policies(RoleName=role)['AttachedPolicies']:\n    out['managed ' + one['PolicyName']] = iam.get_policy_version(PolicyArn=one['PolicyArn'], VersionId='v1')['PolicyVersion']['Document']\n\
             bound = iam.get_role(RoleName=role)['Role'].get('PermissionsBoundary')\n\
             if bound:\n    arn = bound['PermissionsBoundaryArn']\n    out['boundary ' + arn.split('/')[-1]] = iam.get_policy_version(PolicyArn=arn, VersionId='v1')['PolicyVersion']['Document']\n\
             print(json.dumps(out))\n";
        let python = python_tool("python");
        let output = self.command(&python.to_string_lossy()).args(["-c", program, role]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let all: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).unwrap();
        all.into_iter().map(|(name, document)| (name, canonical(&document))).collect()
    }
}

fn kind(attach: Attach) -> &'static str {
    match attach {
        Attach::Inline => "inline",
        Attach::Managed => "managed",
    }
}

#[test]
fn a_script_applies_a_proposal_and_takes_it_back() {
    let moto = Moto::start();
    let bench = Bench::new(&moto);
    let report = report();
    let role = &report.roles[0];
    bench.iam(&[
        "create-role",
        "--role-name",
        &role.name,
        "--assume-role-policy-document",
        &role.proposal.current_trust.as_ref().unwrap().to_string(),
    ]);
    for policy in &role.proposal.current {
        let document = policy.document.to_string();
        match policy.attach {
            Attach::Inline => bench.iam(&[
                "put-role-policy",
                "--role-name",
                &role.name,
                "--policy-name",
                &policy.name,
                "--policy-document",
                &document,
            ]),
            Attach::Managed => {
                bench.iam(&["create-policy", "--policy-name", &policy.name, "--policy-document", &document]);
                bench.iam(&[
                    "attach-role-policy",
                    "--role-name",
                    &role.name,
                    "--policy-arn",
                    policy.arn.as_deref().unwrap(),
                ]);
            }
        }
    }
    let before = bench.state(&role.name);
    let path = files(&report, Language::AwsCli).remove(ACCOUNT).unwrap();

    let dry = bench.script(&path, &["apply"], &[("DRY_RUN", "1")]);
    let said = String::from_utf8_lossy(&dry.stdout);
    assert!(dry.status.success() && said.contains("aws iam put-role-policy"), "{said}");
    assert_eq!(bench.state(&role.name), before, "a dry run changes nothing");

    let applied = bench.script(&path, &["apply"], &[]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let mut expected: BTreeMap<String, Value> = role
        .proposal
        .policies
        .iter()
        .map(|policy| (format!("{} {}", kind(policy.attach), policy.name), canonical(&policy.document)))
        .collect();
    expected.insert("trust".to_owned(), canonical(&role.proposal.trust.as_ref().unwrap().document));
    assert_eq!(bench.state(&role.name), expected);

    let back = bench.script(&path, &["rollback", &role.name], &[]);
    assert!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
    assert_eq!(bench.state(&role.name), before);
}

#[test]
fn a_script_refuses_what_it_was_not_made_for() {
    let moto = Moto::start();
    let bench = Bench::new(&moto);
    let mut report = report();
    report.roles[0].proposal.proof.no_new_access = NoNewAccess::Unknown;
    let path = files(&report, Language::AwsCli).remove(ACCOUNT).unwrap();
    let foreign = files(&odd(), Language::AwsCli).remove("444455556666").unwrap();
    for (path, arguments, status, message) in [
        (&path, &["apply"][..], 1, "not proven"),
        (&path, &[], 2, "usage"),
        (&path, &["apply", "other"], 2, "no proposal for role other"),
        (&foreign, &["apply"], 1, "the credentials are of account 123456789012"),
    ] {
        let output = bench.script(path, arguments, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(message), "{arguments:?}: {said}");
    }
}
