//! What cannot be compared: a clear error, and nothing written.

use super::*;

#[test]
fn what_cannot_be_compared_says_why() {
    let dir = tempfile::tempdir().unwrap();
    two_moments(dir.path());
    fs::write(dir.path().join("v9.json"), "{\"schema\": \"leastwise.report/v9\"}").unwrap();
    fs::write(dir.path().join("broken.json"), "{\"RoleDetailList\": [").unwrap();
    fs::write(dir.path().join("main.tf"), "resource \"aws_iam_role\" \"app\" {\n").unwrap();
    fs::write(dir.path().join("cut.json"), "{\"format_version\": \"1.0\", \"values\": {\"root_module\":")
        .unwrap();
    fs::write(dir.path().join("report.json"), "{\"schema\": \"leastwise.report/v1\", \"roles\": 1}").unwrap();
    snapshot(dir.path(), "empty.json", &[]);
    for (old, status, said) in [
        ("missing.json", 1, "cannot read `missing.json`"),
        ("v9.json", 1, "is of schema `leastwise.report/v9`"),
        ("report.json", 1, "is no report that this version reads"),
        ("empty.json", 1, "holds no role"),
        ("broken.json", 1, "broken.json"),
        ("main.tf", 1, "`main.tf` is no policy: not valid JSON at line 1"),
        ("cut.json", 1, "`cut.json` is no policy: not valid JSON"),
    ] {
        let (exit, stdout, stderr) = drift(dir.path(), &[old, "new.json"]);
        assert_eq!(exit, status, "{old}: {stderr}");
        assert!(stderr.contains(said), "{old}: {stderr}");
        assert!(stdout.is_empty(), "{old}: {stdout}");
        if ["main.tf", "cut.json", "empty.json"].contains(&old) {
            assert!(
                stderr.contains("what `terraform show -json` prints of a plan or a state"),
                "{old}: {stderr}"
            );
        }
    }
}

#[test]
fn a_role_that_exists_twice_with_two_contents_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    two_moments(dir.path());
    let ec2 = trust("ec2.amazonaws.com");
    let one = || role("same", "AROA01", &[("p", allow("s3:Get*", "*"))], &ec2, None);
    let other = role("same", "AROA01", &[("p", allow("s3:*", "*"))], &ec2, None);
    let reborn = role("same", "AROA77", &[("p", allow("s3:Get*", "*"))], &ec2, None);
    for (name, second) in [("twice.json", other), ("reborn.json", reborn)] {
        snapshot(dir.path(), name, &[one(), second]);
        for arguments in [[name, "new.json"], ["old.json", name]] {
            let (exit, stdout, stderr) = drift(dir.path(), &arguments);
            assert_eq!((exit, stdout.as_str()), (1, ""), "{stderr}");
            let said = format!("`{name}` holds the role `{}` more than once", arn("same"));
            assert!(stderr.contains(&said) && stderr.contains("one moment a side"), "{stderr}");
        }
    }
    // Pages that overlap say the same thing again: that is said, and is no contradiction.
    snapshot(dir.path(), "pages.json", &[one(), one()]);
    let found = found(dir.path(), &["pages.json", "pages.json"]);
    assert_eq!(found["changes"], json!([]));
    assert!(found["notes"].to_string().contains("was read before"), "{found}");
}

#[test]
fn a_state_that_holds_a_role_twice_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    two_moments(dir.path());
    let resource = |address: &str| {
        json!({"address": address, "mode": "managed", "type": "aws_iam_role", "name": "w",
            "values": {"name": "widened", "arn": arn("widened"), "assume_role_policy": trust("ec2.amazonaws.com").to_string()}})
    };
    let state = json!({"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {"resources": [
        resource("aws_iam_role.w"), resource("aws_iam_role.again"),
    ]}}});
    fs::write(dir.path().join("state.json"), state.to_string()).unwrap();
    let (exit, stdout, stderr) = drift(dir.path(), &["state.json", "new.json"]);
    assert_eq!((exit, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("`state.json` holds the role") && stderr.contains("more than once"), "{stderr}");
}

#[test]
fn snapshots_of_other_tools_are_compared_where_they_are_the_same_thing_and_refused_where_not() {
    let dir = tempfile::tempdir().unwrap();
    two_moments(dir.path());
    // The AWS command line pages the list, percent-encodes documents, and writes times its own way: the same account all the same.
    let text = fs::read_to_string(dir.path().join("new.json")).unwrap();
    let mut page: Value = serde_json::from_str(&text).unwrap();
    fs::create_dir(dir.path().join("pages")).unwrap();
    for role in page["RoleDetailList"].as_array_mut().unwrap() {
        role["CreateDate"] = json!("2025-01-01T00:00:00+00:00");
        let document = role["AssumeRolePolicyDocument"].to_string();
        role["AssumeRolePolicyDocument"] =
            json!(document.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>());
        // Another order of statements' members and of roles says the same.
        role["RolePolicyList"].as_array_mut().unwrap().reverse();
    }
    page["RoleDetailList"].as_array_mut().unwrap().reverse();
    let (first, second) = page["RoleDetailList"].as_array().unwrap().split_at(4);
    for (name, roles) in [("1.json", first), ("2.json", second)] {
        let part = json!({"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": roles, "Policies": page["Policies"], "IsTruncated": name == "1.json"});
        fs::write(dir.path().join("pages").join(name), part.to_string()).unwrap();
    }
    let found = found(dir.path(), &["new.json", "pages"]);
    assert_eq!(found["changes"], json!([]), "{found:#}");
    assert_eq!(found["unchanged_roles"], 10);

    // What other programs write about roles grants nothing that could be compared.
    for (name, text) in [
        ("steampipe.json", json!({"rows": [{"arn": arn("same"), "name": "same", "inline_policies": null}]})),
        (
            "prowler.json",
            json!([{"CheckID": "iam_role_cross_account_access", "ResourceArn": arn("same"), "Status": "FAIL"}]),
        ),
        (
            "cloudsplaining.json",
            json!({"roles": {"AROA01": {"arn": arn("same"), "inline_policies": {}}}, "inline_policies": {}}),
        ),
    ] {
        fs::write(dir.path().join(name), text.to_string()).unwrap();
        let (exit, stdout, stderr) = drift(dir.path(), &[name, "new.json"]);
        assert_eq!((exit, stdout.as_str()), (1, ""), "{name}: {stderr}");
        assert!(stderr.contains(name), "{stderr}");
    }
}
