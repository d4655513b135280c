//! The user's own Terraform files: places and a patch, read back by git, patch and python-hcl2.

use std::fs;
use std::path::Path;
use std::process::Command;

use leastwise::report::{
    Attach, Finding, Format, Location, NoNewAccess, Proof, Proposal, ProposalVerdict, ProposedPolicy, Report,
    Role, write,
};
use leastwise::terraform::{Edits, File, edit};
use serde_json::{Value, json};

use crate::code::{canonical, sample};
use crate::support::{python_tool, root};

/// With everything that HCL could take for its own.
fn proposed() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Own",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::home/${aws:username}/*",
                "Condition": {"StringLike": {"s3:prefix": ["a'b", "c\"d", "e\\f", "%{x}", "# no"]}}
            },
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
        ]
    })
}

fn role(account: &str, name: &str, policies: &[&str]) -> Role {
    let policy =
        |name: &&str| ProposedPolicy { name: (*name).to_owned(), document: proposed(), ..Default::default() };
    Role {
        arn: format!("arn:aws:iam::{account}:role/{name}"),
        account: account.to_owned(),
        name: name.to_owned(),
        in_snapshot: true,
        proposal: Proposal {
            verdict: ProposalVerdict::Replace,
            policies: policies.iter().map(policy).collect(),
            proof: Proof { no_new_access: NoNewAccess::Proven, ..Proof::default() },
            ..Proposal::default()
        },
        ..Role::default()
    }
}

fn report(roles: Vec<Role>) -> Report {
    Report { roles, ..Report::default() }
}

fn file(name: &str, text: &str) -> File {
    File { name: name.to_owned(), text: text.to_owned() }
}

/// The files after the patch, by `git apply` and by `patch`, which must agree.
fn applied(files: &[File], edits: &Edits) -> Vec<String> {
    let programs: [&[&str]; 2] =
        [&["git", "apply"], &["patch", "-p1", "--binary", "--no-backup-if-mismatch"]];
    let mut results = programs.iter().map(|program| {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(&file.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &file.text).unwrap();
        }
        let patch = tempfile::NamedTempFile::new().unwrap();
        fs::write(patch.path(), edits.patch(&[])).unwrap();
        let output = Command::new(program[0])
            .args(&program[1..])
            .args(if program[0] == "patch" { &["-i"][..] } else { &["--whitespace=nowarn"] })
            .arg(patch.path())
            .current_dir(dir.path())
            .env("GIT_CEILING_DIRECTORIES", dir.path().parent().unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{program:?}: {output:?}\n{}", edits.patch(&[]));
        files.iter().map(|file| fs::read_to_string(dir.path().join(&file.name)).unwrap()).collect::<Vec<_>>()
    });
    let (git, patch) = (results.next().unwrap(), results.next().unwrap());
    assert_eq!(git, patch);
    git
}

/// The policies python-hcl2 reads in a text, by name of policy.
fn read(text: &str) -> Vec<(String, Value)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("main.tf");
    fs::write(&path, text).unwrap();
    let output = Command::new(python_tool("python"))
        .arg(root().join("tests/tools/terraform.py"))
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}\n{text}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let policies = found["policies"].as_object().unwrap().values();
    policies.map(|policy| (policy["name"].as_str().unwrap().to_owned(), policy["document"].clone())).collect()
}

const ROLE: &str = "# The role.\nresource \"aws_iam_role\" \"app\" {\n  name = \"app\" # its name\n}\n\n";

/// Each form a policy is declared in.
fn forms() -> Vec<(&'static str, String)> {
    let policy = |expression: &str| {
        format!(
            "{ROLE}/* Above. */\nresource \"aws_iam_role_policy\" \"data\" {{\n  name   = \"data\"\n  role   = aws_iam_role.app.id\n  \
             policy = {expression} # behind\n  # Below, ${{not}} \"parsed\".\n}}\n\n# The end.\n"
        )
    };
    let heredoc = |sign: &str| {
        policy("HERE").replace("HERE # behind", &format!("{sign}EOF\n    {{\"Version\": \"2012-10-17\",\n     \"Statement\": [{{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"${{var.x}}\"}}]}}\n  EOF"))
    };
    let encoded = "jsonencode({\n    Version = \"2012-10-17\" # inside\n    Statement = [{ Effect = \"Allow\", Action = \"s3:*\", Resource = aws_s3_bucket.b.arn }]\n  })";
    let source = "# A source.\ndata \"aws_iam_policy_document\" \"own\" {\n  # Before.\n  statement {\n    actions   = [\"s3:*\"]\n    resources = [\"*\"]\n  }\n\n  # Between.\n\n  statement {\n    effect    = \"Deny\"\n    actions   = [\"s3:DeleteBucket\"]\n    resources = [\"*\"]\n  }\n  # After.\n}\n\n";
    let by_source = policy("data.aws_iam_policy_document.own.json");
    vec![
        ("jsonencode", policy(encoded)),
        ("string", policy(r#""{\"Version\":\"2012-10-17\",\"Statement\":[]}""#)),
        ("heredoc", heredoc("<<")),
        ("indented heredoc", heredoc("<<-")),
        ("data source", format!("{source}{by_source}")),
        (
            "data source, in a string",
            format!(
                "{}{source}",
                by_source.replace(
                    "data.aws_iam_policy_document.own.json",
                    "\"${data.aws_iam_policy_document.own.json}\""
                )
            ),
        ),
        ("literal role", policy(encoded).replace("aws_iam_role.app.id", "\"app\"")),
        ("counted role", policy(encoded).replace("aws_iam_role.app.id", "aws_iam_role.app[0].name")),
        ("no line end", policy(encoded).trim_end().to_owned()),
        ("carriage returns", policy(encoded).replace('\n', "\r\n")),
    ]
}

#[test]
fn every_form_becomes_the_proposal_and_nothing_else_changes() {
    let report = report(vec![role("111122223333", "app", &["data"])]);
    for (form, text) in forms() {
        let files = [file("modules/my app/main.tf", &text)];
        let edits = edit(&files, &report);
        assert_eq!((edits.left.as_slice(), edits.problems.as_slice()), (&[][..], &[][..]), "{form}");
        assert_eq!(edits.edited, ["arn:aws:iam::111122223333:role/app"], "{form}");
        let after = applied(&files, &edits).remove(0);
        let said: Vec<_> =
            read(&after).into_iter().map(|(name, document)| (name, canonical(&document))).collect();
        assert_eq!(said, [("data".to_owned(), canonical(&proposed()))], "{form}\n{after}");
        // Comments outside what was replaced stay as they were.
        for comment in [
            "# The role.",
            "# its name",
            "/* Above. */",
            "# behind",
            "# Below, ${not} \"parsed\".",
            "# The end.",
            "# A source.",
            "# Before.",
            "# Between.",
            "# After.",
        ] {
            assert_eq!(
                after.matches(comment).count(),
                text.matches(comment).count(),
                "{form}: {comment}\n{after}"
            );
        }
        let head: String = text.lines().take(3).collect();
        assert!(after.lines().take(3).collect::<String>() == head, "{form}");
        assert_eq!(after.contains("\r\n"), text.contains("\r\n"), "{form}");
        assert_eq!(
            after.matches("\r\n").count() == after.matches('\n').count(),
            text.contains("\r\n"),
            "{form}"
        );
        assert!(!after.contains("Deny") && !after.contains("s3:*"), "{form}\n{after}");
        // Applied once, there is nothing left to change.
        let again = edit(&[file("modules/my app/main.tf", &after)], &report);
        assert_eq!((again.diff.as_str(), again.edited.len(), again.n_refused), ("", 0, 0), "{form}");
        assert!(again.left[0].contains("say already"), "{form}: {:?}", again.left);
    }
}

#[test]
fn several_roles_and_files_make_one_patch() {
    let data = &forms()[0].1;
    let other = data.replace("\"app\"", "\"other\"").replace("aws_iam_role.app", "aws_iam_role.other");
    let inline = "resource \"aws_iam_role\" \"old\" {\n  name = \"old\"\n  inline_policy {\n    name   = \"own\"\n    policy = jsonencode({})\n  }\n}\n";
    let third = inline.replace("old", "older");
    let files = [
        file("b.tf", data),
        file("a/other.tf", &other),
        file("c.tf", &format!("{inline}\n\n\n\n\n\n\n\n\n\n{third}")),
    ];
    let report = report(vec![
        role("111122223333", "app", &["data"]),
        role("111122223333", "other", &["data"]),
        role("111122223333", "old", &["own"]),
        role("111122223333", "older", &["own"]),
    ]);
    let edits = edit(&files, &report);
    assert_eq!((edits.edited.len(), edits.left.len()), (4, 0), "{:?}", edits.left);
    let mut turned = files.to_vec();
    turned.reverse();
    assert_eq!(edit(&turned, &report), edits, "the order of files does not matter");
    let after = applied(&files, &edits);
    for text in &after[..2] {
        assert_eq!(canonical(&read(text)[0].1), canonical(&proposed()));
    }
    assert_eq!(after[2].matches("sqs:SendMessage").count(), 2, "{}", after[2]);
    assert_eq!(edits.diff.matches("\n@@ ").count(), 4, "{}", edits.diff);
}

/// Why a role is left alone: files, the role's policies, and a part of the reason.
#[test]
fn what_is_not_clear_is_left_alone_and_named() {
    let whole = &forms()[0].1;
    let source = &forms()[4].1;
    let wide = r#"resource "aws_iam_role" "app" { name = "app" }"#;
    let cases: Vec<(&str, Vec<File>, Role, &str)> = vec![
        ("missing", vec![file("a.tf", "")], role("1", "app", &["data"]), "not declared in the files"),
        (
            "prefix",
            vec![file("a.tf", &whole.replace("  name = \"app\"", "  name_prefix = \"app\""))],
            role("1", "app", &["data"]),
            "`name_prefix`",
        ),
        (
            "expression",
            vec![file("a.tf", &whole.replace("  name = \"app\"", "  name = \"${var.env}-app\""))],
            role("1", "app", &["data"]),
            "its name is an expression",
        ),
        (
            "twice",
            vec![file("a.tf", whole), file("b/a.tf", whole)],
            role("1", "app", &["data"]),
            "ambiguous: aws_iam_role.app (a.tf:2) and aws_iam_role.app (b/a.tf:2)",
        ),
        (
            "other path",
            vec![file("a.tf", &whole.replace("# its name", "\n  path = \"/team/\""))],
            role("1", "app", &["data"]),
            "not declared",
        ),
        (
            "no policy",
            vec![file("a.tf", wide)],
            role("1", "app", &["data"]),
            "no inline policy `data` is declared",
        ),
        (
            "policy by expression",
            vec![file("a.tf", &whole.replace("name   = \"data\"", "name   = local.data"))],
            role("1", "app", &["data"]),
            "its name is an expression",
        ),
        (
            "policy twice",
            vec![file("a.tf", &format!("{whole}{}", whole.replace(ROLE, "")))],
            role("1", "app", &["data"]),
            "declared twice",
        ),
        (
            "repeated",
            vec![file("a.tf", &whole.replace("role   =", "count = 2\n  role   ="))],
            role("1", "app", &["data"]),
            "`count` or `for_each`",
        ),
        (
            "file",
            vec![file("a.tf", &whole.replace("jsonencode(", "templatefile(\"x\", "))],
            role("1", "app", &["data"]),
            "neither `jsonencode",
        ),
        (
            "shared source",
            vec![
                file("a.tf", source),
                file("b.tf", "output \"x\" {\n  value = data.aws_iam_policy_document.own.json\n}\n"),
            ],
            role("1", "app", &["data"]),
            "mentioned 2 times",
        ),
        (
            "merged source",
            vec![file("a.tf", &source.replace("# Before.", "source_policy_documents = []"))],
            role("1", "app", &["data"]),
            "`source_policy_documents`",
        ),
        (
            "dynamic source",
            vec![file("a.tf", &source.replace("# Before.", "dynamic \"statement\" {\n  }"))],
            role("1", "app", &["data"]),
            "`dynamic` block",
        ),
        (
            "absent source",
            vec![file("a.tf", whole), file("b.tf", "")],
            role("1", "app", &["more"]),
            "no inline policy `more`",
        ),
        (
            "another module's role",
            vec![file("a.tf", ROLE), file("b/a.tf", &whole.replace(ROLE, ""))],
            role("1", "app", &["data"]),
            "no inline policy `data`",
        ),
    ];
    for (case, files, role, why) in cases {
        let report = report(vec![role]);
        let edits = edit(&files, &report);
        assert!(edits.edited.is_empty() && edits.diff.is_empty(), "{case}: {}", edits.diff);
        assert_eq!(edits.n_refused, 1, "{case}");
        assert!(
            edits.patch(&[]).lines().any(|line| line.starts_with("# No edit: ") && line.contains(why)),
            "{case}: {}",
            edits.patch(&[])
        );
    }
    let files = [file("a.tf", whole)];
    let change = |change: &dyn Fn(&mut Proposal)| {
        let mut role = role("1", "app", &["data"]);
        change(&mut role.proposal);
        report(vec![role])
    };
    for (report, why) in [
        (change(&|proposal| proposal.proof.no_new_access = NoNewAccess::Unknown), "not proven"),
        (change(&|proposal| proposal.replay.lost.push("s3:GetObject on *".to_owned())), "would refuse"),
        (change(&|proposal| proposal.policies[0].attach = Attach::Managed), "managed policies"),
        (change(&|proposal| proposal.policies.clear()), "shall have no policy"),
        (change(&|proposal| proposal.verdict = ProposalVerdict::Keep), "stays as it is"),
        (change(&|proposal| proposal.verdict = ProposalVerdict::DeleteRole), "can be deleted"),
        (
            report(vec![role("1", "app", &["data"]), role("2", "app", &["data"])]),
            "may be this role or arn:aws:iam::2:role/app",
        ),
    ] {
        let edits = edit(&files, &report);
        assert!(edits.diff.is_empty() && edits.left[0].contains(why), "{why}: {:?}", edits.left);
    }
}

#[test]
fn a_file_that_cannot_be_used_stops_nothing() {
    let report = report(vec![role("1", "app", &["data"])]);
    let deep = format!("x = {}1{}\n", "[".repeat(5_000), "]".repeat(5_000));
    for (name, text) in
        [("broken.tf", "resource \"aws_iam_role\" {"), ("deep.tf", &deep), ("od\"d\n+++ b/x.tf", "")]
    {
        let edits = edit(&[file(name, text), file("good.tf", &forms()[0].1)], &report);
        assert_eq!((edits.edited.len(), edits.problems.len()), (1, 1), "{name}");
        let patch = edits.patch(&["another thing\n--- a/x".to_owned()]);
        assert!(patch.contains("# Problem: Terraform file"), "{patch}");
        assert_eq!(patch.lines().filter(|line| line.starts_with("--- ")).count(), 1, "{patch}");
    }
}

#[test]
fn findings_point_to_the_line_of_their_role() {
    let finding = |subject: &str| Finding {
        code: "unused-role".to_owned(),
        subject: subject.to_owned(),
        ..Finding::default()
    };
    let mut report = report(vec![role("1", "app", &["data"])]);
    report.findings = vec![finding("arn:aws:iam::1:role/app"), finding("arn:aws:iam::1:role/other")];
    let edits = edit(&[file("x/a b.tf", &forms()[0].1)], &report);
    edits.locate("infra", &mut report);
    assert_eq!(report.findings[0].location, Some(Location { file: "infra/x/a b.tf".to_owned(), line: 2 }));
    assert_eq!(report.findings[1].location, None);
    let mut out = Vec::new();
    write(Format::Sarif, &report, &mut out).unwrap();
    let sarif: Value = serde_json::from_slice(&out).unwrap();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "infra/x/a%20b.tf");
    assert_eq!(place["region"]["startLine"], 2);
}

/// The program on the sample: the patch lies in the folder, applies, and SARIF names the line.
#[test]
fn audit_writes_the_patch() {
    let dir = tempfile::tempdir().unwrap();
    let name = "northwind-thumbnails";
    let text = forms()[0]
        .1
        .replace("\"app\"", &format!("\"{name}\""))
        .replace("aws_iam_role.app", &format!("aws_iam_role.{name}"))
        .replace("\"data\" {", "\"images\" {")
        .replace("= \"data\"", "= \"images\"");
    let at = |path: &str| dir.path().join(path);
    for (path, text) in [
        ("infra/roles/main.tf", text.as_str()),
        ("infra/.terraform/main.tf", text.as_str()),
        ("infra/notes.txt", "{"),
    ] {
        fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        fs::write(at(path), text).unwrap();
    }
    let run = |more: &[&str]| {
        let sample = root().join("sample-logs");
        Command::new(env!("CARGO_BIN_EXE_leastwise"))
            .arg("audit")
            .arg(sample.join("AWSLogs"))
            .arg("--iam")
            .arg(sample.join("iam"))
            .args(["--out", "report"])
            .args(more)
            .current_dir(dir.path())
            .env_clear()
            .output()
            .unwrap()
    };
    let told = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let output = run(&["--terraform-dir", "./infra"]);
    assert!(told(&output).contains("1 of "), "{output:?}");
    let report: Report = serde_json::from_slice(&fs::read(at("report/report.json")).unwrap()).unwrap();
    let role = report.roles.iter().find(|role| role.name == name).unwrap();
    let files = [file("roles/main.tf", &text)];
    let patch = fs::read_to_string(at("report/code/terraform.patch")).unwrap();
    let edits = edit(&files, &report);
    assert_eq!(patch, edits.patch(&[]));
    let after = applied(&files, &edits).remove(0);
    assert_eq!(canonical(&read(&after)[0].1), canonical(&role.proposal.policies[0].document));
    let places: Vec<&Location> =
        report.findings.iter().filter_map(|finding| finding.location.as_ref()).collect();
    assert!(
        places.iter().all(|place| place.file == "infra/roles/main.tf" && place.line == 2)
            && !places.is_empty()
    );
    let sarif = fs::read_to_string(at("report/findings.sarif")).unwrap();
    assert!(sarif.contains("infra/roles/main.tf"));

    // A file that does not parse is told in the status; without the option, the old patch goes.
    fs::write(at("infra/broken.tf"), "resource {").unwrap();
    let output = run(&["--terraform-dir", "infra"]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(told(&output).contains("`broken.tf` could not be parsed"), "{output:?}");
    run(&[]);
    assert!(!Path::new(&at("report/code/terraform.patch")).exists());
    let output = run(&["--terraform-dir", "nowhere"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(sample().schema, report.schema);
}
