//! Policies as code: every form is read back by its own tool, and says the same as the report.

mod judges;
mod script;
mod staged;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use leastwise::policy::{PolicyKind, parse, render};
use leastwise::report::{
    Attach, Format, Language, NoNewAccess, Proof, Proposal, ProposalVerdict, ProposedPolicy, ProposedTrust,
    Replay, Report, Role, write, write_folder,
};
use serde_json::{Value, json};

use crate::support::root;

/// A policy of a role: `(role, policy name, document)`; a trust policy has the name `trust`.
pub(super) type Said = (String, String, Value);

/// The report of the sample.
pub(super) fn sample() -> Report {
    serde_json::from_slice(&fs::read(root().join("reports/report.json")).unwrap()).unwrap()
}

/// Two accounts, and everything a document can hold that some language could take for its own.
pub(super) fn odd() -> Report {
    let inline = |name: &str, document: Value| ProposedPolicy {
        name: name.to_owned(),
        document,
        ..ProposedPolicy::default()
    };
    let everything = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Own",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::home/${aws:username}/*",
                "Condition": {
                    "StringLike": {"s3:prefix": ["a'b", "c\"d", "e\\f", "%{x}", "$${y}", "yes", "012", "# no",
                        "ü€\u{1f600}", "two\nlines", "\ttab ", "<<EOF", "`${x}`", "*/", "//", "'''", "!Ref x", "{{x}}", "null", "~", "1e3", "-",
                        ": ", "@x", "&a", "*b", "\u{202e}right", "$$", "$", "<%= x %>", "#{x}", "\\u0041", "\\", "Fn::Sub"]},
                    "Bool": {"aws:SecureTransport": "true"},
                    "ForAnyValue:StringEquals": {"aws:TagKeys": "on"}
                }
            },
            {"Effect": "Deny", "NotAction": "iam:*", "NotResource": ["arn:aws:iam::111122223333:role/${*}"]},
            {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
        ]
    });
    let role = |account: &str, name: &str, policies: Vec<ProposedPolicy>| Role {
        arn: format!("arn:aws:iam::{account}:role/team/{name}"),
        account: account.to_owned(),
        name: name.to_owned(),
        in_snapshot: true,
        proposal: Proposal {
            verdict: ProposalVerdict::Replace,
            policies,
            proof: Proof { no_new_access: NoNewAccess::Proven, ..Proof::default() },
            replay: Replay { requests: 3, allowed: 3, ..Replay::default() },
            current: vec![
                inline(
                    "old one",
                    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
                ),
                inline(
                    "same",
                    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}),
                ),
            ],
            current_trust: Some(
                json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}),
            ),
            ..Proposal::default()
        },
        ..Role::default()
    };
    let mut first = role(
        "111122223333",
        "1-odd.role_x",
        vec![inline("same", everything.clone()), inline("same+", everything)],
    );
    first.proposal.trust = Some(ProposedTrust {
        document: json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"AWS": ["arn:aws:iam::444455556666:root"], "Service": "ec2.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {"StringEquals": {"sts:ExternalId": "it's ${secret}"}}
            }]
        }),
        ..ProposedTrust::default()
    });
    let small = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]});
    let managed = |name: &str| ProposedPolicy { attach: Attach::Managed, ..inline(name, small.clone()) };
    let second = role(
        "444455556666",
        "1_odd-role.x",
        vec![managed("right-1"), managed("right.1"), inline("same", small.clone())],
    );
    let mut kept = role("444455556666", "kept", Vec::new());
    kept.proposal.verdict = ProposalVerdict::Keep;
    Report { roles: vec![first, second, kept], ..Report::default() }
}

/// What a report proposes, of one account or all; documents in canonical form.
pub(super) fn proposed(report: &Report, account: Option<&str>) -> Vec<Said> {
    let mut said = Vec::new();
    for role in report.roles.iter().filter(|role| account.is_none_or(|account| role.account == account)) {
        if role.proposal.verdict != ProposalVerdict::Replace || role.proposal.policies.is_empty() {
            continue;
        }
        for policy in &role.proposal.policies {
            said.push((role.name.clone(), policy.name.clone(), canonical(&policy.document)));
        }
        if let Some(trust) = &role.proposal.trust {
            said.push((role.name.clone(), "trust".to_owned(), canonical(&trust.document)));
        }
    }
    said.sort_by_key(|(role, name, _)| (role.clone(), name.clone()));
    said
}

/// A document as leastwise itself would write it: one way for each meaning.
pub(super) fn canonical(document: &Value) -> Value {
    let text = document.to_string();
    let kind = if text.contains("\"Principal\"") { PolicyKind::Trust } else { PolicyKind::Identity };
    let rendered = render(&parse(&text, kind).unwrap_or_else(|error| panic!("{error}: {text}")));
    sorted(rendered)
}

/// The order of operators and keys of a condition means nothing.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(key, member)| (key, sorted(member))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// The files of a language for a report, by account.
pub(super) fn files(report: &Report, language: Language) -> BTreeMap<String, PathBuf> {
    // One folder a call: tests run side by side.
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let dir = std::env::temp_dir().join(format!(
        "leastwise-code-{}-{language:?}-{}",
        std::process::id(),
        CALLS.fetch_add(1, Ordering::Relaxed)
    ));
    fs::remove_dir_all(&dir).ok();
    write_folder(report, &dir, &[Format::Code(language)]).unwrap();
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir.join("code").join(language.as_str())).unwrap() {
        let path = entry.unwrap().path();
        found.insert(path.file_stem().unwrap().to_string_lossy().into_owned(), path);
    }
    found
}

/// Checks one language: what `read` finds in each file is what the report proposes for the account.
pub(super) fn says_the_same(language: Language, read: impl Fn(&std::path::Path) -> Vec<Said>) {
    for report in [sample(), odd()] {
        let files = files(&report, language);
        let mut accounts: Vec<&str> = report.roles.iter().map(|role| role.account.as_str()).collect();
        accounts.dedup();
        assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), accounts, "{language:?}");
        for (account, path) in &files {
            let mut said: Vec<Said> = read(path)
                .into_iter()
                .map(|(role, name, document)| (role, name, canonical(&document)))
                .collect();
            said.sort_by_key(|(role, name, _)| (role.clone(), name.clone()));
            assert_eq!(said, proposed(&report, Some(account)), "{language:?} {}", path.display());
        }
    }
}

#[test]
fn every_language_writes_every_account_in_one_stream() {
    for language in Language::ALL {
        let mut out = Vec::new();
        write(Format::Code(language), &odd(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for word in ["111122223333", "444455556666", "1-odd.role_x", "right.1", "sqs:SendMessage"] {
            assert!(text.contains(word), "{language:?} lacks {word}:\n{text}");
        }
        assert!(text.contains("old one"), "{language:?} does not say what has to go");
    }
}

/// A key in a bucket is chosen by whoever may write there; CloudFormation would put a secret in the place of one, and the CDK a value of its own.
#[test]
fn no_stack_holds_what_is_replaced_on_the_way() {
    for (mark, whose) in [
        (
            "{{resolve:secretsmanager:prod/db:SecretString:password}}",
            &["cloudformation", "cloudformation-json", "cdk"][..],
        ),
        ("${Token[AWS.AccountId.4]}", &["cdk"]),
        ("#{Token[TOKEN.4]}", &["cdk"]),
    ] {
        let mut report = odd();
        report.roles[0].proposal.policies[0].document["Statement"][2]["Resource"] =
            json!([format!("arn:aws:s3:::b/{mark}/*")]);
        report.roles[1].proposal.replay.lost.push(format!("s3:GetObject on {mark}"));
        for language in Language::ALL {
            let mut out = Vec::new();
            write(Format::Code(language), &report, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            let is_code = |line: &&str| !line.trim_start().starts_with(['#', '/']);
            let code: String = text.lines().filter(is_code).collect::<Vec<_>>().join("\n");
            let is_left_out = whose.contains(&language.as_str());
            if mark.starts_with("{{") {
                assert_eq!(!code.contains("{{resolve:"), is_left_out, "{language:?}:\n{text}");
            }
            assert_eq!(
                text.contains("1-odd.role_x is not here"),
                is_left_out,
                "{language:?} {mark}:\n{text}"
            );
            let other = text.contains("1_odd-role.x") && text.contains("sqs:SendMessage");
            assert!(other, "{language:?}: the other role stays");
        }
    }
}

/// Signs of templates that python-hcl2 cannot read behind one of their own kind: by the parser that edits users' files.
#[test]
fn terraform_takes_signs_of_its_templates_as_they_are() {
    let texts = [
        "arn:aws:s3:::a/%%{x",
        "arn:aws:s3:::a/$${y}%%{z}",
        "arn:aws:s3:::a/$$$",
        "arn:aws:s3:::a/%{ if x }$",
    ];
    let mut report = odd();
    report.roles[0].proposal.policies[0].document["Statement"][2]["Resource"] = json!(texts);
    for language in [Language::Terraform, Language::TerraformInline] {
        let mut out = Vec::new();
        write(Format::Code(language), &report, &mut out).unwrap();
        let code = String::from_utf8(out).unwrap();
        assert!(hcl_edit::parser::parse_body(&code).is_ok());
        let lines = code
            .lines()
            .filter_map(|line| hcl_edit::parser::parse_expr(line.trim().trim_end_matches(',')).ok());
        let read: Vec<String> = lines.filter_map(|line| Some(line.as_str()?.to_owned())).collect();
        for text in texts {
            assert!(read.iter().any(|one| one == text), "{language:?}: {text}\n{code}");
        }
    }
}

#[test]
fn a_report_without_proposals_is_said_to_have_none() {
    for language in Language::ALL {
        let mut out = Vec::new();
        write(Format::Code(language), &Report::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text == "{}\n" || text.contains("No role has a proposal."), "{language:?}: {text}");
    }
}

#[test]
fn files_of_accounts_that_are_gone_go() {
    let dir = tempfile::tempdir().unwrap();
    let format = Format::Code(Language::Terraform);
    let mut report = odd();
    write_folder(&report, dir.path(), &[format]).unwrap();
    fs::write(dir.path().join("code/terraform/main.tf"), "# mine\n").unwrap();
    report.roles.truncate(1);
    write_folder(&report, dir.path(), &[format]).unwrap();
    let mut left: Vec<_> = fs::read_dir(dir.path().join("code/terraform"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["111122223333.tf", "main.tf"]);
}

/// Roles of either report that get a narrower trust policy.
pub(super) fn narrower_trusts() -> Vec<String> {
    let roles = [sample(), odd()].into_iter().flat_map(|report| report.roles);
    roles.filter(|role| role.proposal.trust.is_some()).map(|role| role.name).collect()
}
