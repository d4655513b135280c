//! Files that carry policies, compared: what is told is proven or refuted, what is not is unknown.

use leastwise::carrier::{self, Boundary, Carried, CarrierError, Part, Side};
use leastwise::proof::{Proof, Settings, Verdict};
use serde_json::{Value, json};

use crate::support::corpus;

fn document(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}

fn one(text: &str, side: Side, role: Option<&str>) -> Carried {
    let sets = carrier::read("file", text, side).unwrap_or_else(|error| panic!("{error}: {text}"));
    carrier::choose("file", sets, role).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn compared(old: &str, new: &str, role: Option<&str>) -> Proof {
    let (old, new) = (one(old, Side::Old, role), one(new, Side::New, role));
    carrier::compare(&[old], &[new], Part::Identity, &Settings::identity_layer())
}

/// A state of one role with an inline policy of its own and a managed one.
fn state(inline: &str, managed: &str) -> String {
    json!({"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {
        "resources": [
            {"address": "aws_iam_role.app", "mode": "managed", "type": "aws_iam_role", "name": "app", "values": {
                "name": "app", "arn": "arn:aws:iam::111122223333:role/app", "assume_role_policy": trust().to_string(),
                "managed_policy_arns": ["arn:aws:iam::111122223333:policy/m"],
                "inline_policy": [{"name": "own", "policy": document(inline).to_string()}], "permissions_boundary": ""}},
            {"address": "aws_iam_policy.m", "mode": "managed", "type": "aws_iam_policy", "name": "m", "values": {
                "name": "m", "arn": "arn:aws:iam::111122223333:policy/m", "policy": document(managed).to_string()}}],
        "child_modules": [{"address": "module.x[\"a.b\"]", "resources": [
            {"address": "module.x[\"a.b\"].aws_iam_role_policy_attachment.m", "mode": "managed",
             "type": "aws_iam_role_policy_attachment", "name": "m", "values": {
                "role": "app", "policy_arn": "arn:aws:iam::111122223333:policy/m"}}]}]}}})
    .to_string()
}

fn trust() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "ec2.amazonaws.com"}}]})
}

/// The same as `terraform.tfstate` keeps it.
fn tfstate(inline: &str) -> String {
    let instance = |values: Value| json!([{"attributes": values}]);
    json!({"version": 4, "terraform_version": "1.9.0", "resources": [
        {"mode": "managed", "type": "aws_iam_role", "name": "app", "instances": instance(json!({
            "name": "app", "arn": "arn:aws:iam::111122223333:role/app", "assume_role_policy": trust().to_string()}))},
        {"mode": "managed", "type": "aws_iam_role_policy", "name": "own", "instances": instance(json!({
            "role": "app", "policy": document(inline).to_string()}))}]})
    .to_string()
}

/// A plan that makes a role with a managed policy, both not there yet.
fn plan(policy: Option<&str>, references: Value) -> String {
    let mut values = json!({"name": "m"});
    if let Some(action) = policy {
        values["policy"] = json!(document(action).to_string());
    }
    json!({"format_version": "1.2", "terraform_version": "1.9.0",
        "prior_state": {"values": {"root_module": {"resources": [
            {"address": "aws_iam_role.app", "mode": "managed", "type": "aws_iam_role", "name": "app", "values": {
                "name": "app", "arn": "arn:aws:iam::111122223333:role/app", "assume_role_policy": trust().to_string(),
                "inline_policy": [{"name": "own", "policy": document("s3:*").to_string()}], "permissions_boundary": null}}]}}},
        "planned_values": {"root_module": {"resources": [
            {"address": "aws_iam_role.app", "mode": "managed", "type": "aws_iam_role", "name": "app", "values": {
                "name": "app", "assume_role_policy": trust().to_string(), "permissions_boundary": null}},
            {"address": "aws_iam_policy.m", "mode": "managed", "type": "aws_iam_policy", "name": "m", "values": values},
            {"address": "aws_iam_role_policy_attachment.m", "mode": "managed", "type": "aws_iam_role_policy_attachment",
             "name": "m", "values": {"role": "app"}}]}},
        "configuration": {"root_module": {"resources": [
            {"address": "aws_iam_role_policy_attachment.m", "expressions": {
                "role": {"references": ["aws_iam_role.app.name", "aws_iam_role.app"]},
                "policy_arn": {"references": references}}}]}}})
    .to_string()
}

#[test]
fn every_kind_of_file_is_compared_with_every_other() {
    let bare = |action: &str| document(action).to_string();
    let printed = |action: &str| {
        json!({"RoleName": "app", "PolicyName": "own", "PolicyDocument": document(action)}).to_string()
    };
    let percent = |action: &str| {
        let encoded: String = document(action).to_string().bytes().map(|b| format!("%{b:02X}")).collect();
        json!({"PolicyVersion": {"Document": encoded}}).to_string()
    };
    let organization = |action: &str| {
        json!({"Policy": {"PolicySummary": {"Id": "p-1"}, "Content": document(action).to_string()}})
            .to_string()
    };
    let generated = |action: &str| {
        json!({"generatedPolicyResult": {"generatedPolicies": [{"policy": document(action).to_string()}]}})
            .to_string()
    };
    let yaml = |action: &str| {
        format!("Version: 2012-10-17\nStatement:\n- Effect: Allow\n  Action: {action}\n  Resource: '*'\n")
    };
    let snapshot = |action: &str| {
        json!({"RoleDetailList": [{"Path": "/", "RoleName": "app", "RoleId": "AROAEXAMPLE",
            "Arn": "arn:aws:iam::111122223333:role/app", "AssumeRolePolicyDocument": trust(),
            "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": document(action)}], "AttachedManagedPolicies": []}],
            "UserDetailList": [], "GroupDetailList": [], "Policies": []})
        .to_string()
    };
    let shown = |action: &str| state(action, "s3:GetObject");
    let kept = tfstate;
    let template = |action: &str| {
        json!({"Resources": {
            "App": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "app", "AssumeRolePolicyDocument": trust()}},
            "Own": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "own", "Roles": [{"Ref": "App"}],
                "PolicyDocument": document(action)}}}})
        .to_string()
    };
    let template_yaml = |action: &str| {
        format!(
            "AWSTemplateFormatVersion: 2010-09-09\nResources:\n  App:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: app\n      AssumeRolePolicyDocument: {}\n  Own:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      Roles: [!Ref App]\n      PolicyDocument:\n        Version: 2012-10-17\n        Statement:\n          - Effect: Allow\n            Action: {action}\n            Resource: !Sub '*'\n",
            trust()
        )
    };
    let stack = |action: &str| {
        json!({"TemplateBody": template_yaml(action), "StagesAvailable": ["Original"]}).to_string()
    };
    type Writer<'w> = &'w dyn Fn(&str) -> String;
    let kinds: &[(&str, Writer<'_>)] = &[
        ("document", &bare),
        ("get-role-policy", &printed),
        ("get-policy-version", &percent),
        ("describe-policy", &organization),
        ("get-generated-policy", &generated),
        ("YAML", &yaml),
        ("snapshot", &snapshot),
        ("terraform show", &shown),
        ("tfstate", &kept),
        ("template", &template),
        ("template in YAML", &template_yaml),
        ("get-template", &stack),
    ];
    for (old_kind, old) in kinds {
        for (new_kind, new) in kinds {
            let verdict = |o: &str, n: &str| compared(&old(o), &new(n), Some("app")).verdict;
            // The state's managed policy allows `s3:GetObject` in each.
            assert_eq!(verdict("s3:*", "s3:Get*"), Verdict::Proven, "{old_kind} {new_kind}");
            let wider = compared(&old("s3:Get*"), &new("s3:*"), Some("app"));
            assert_eq!(wider.verdict, Verdict::Refuted, "{old_kind} {new_kind}: {:?}", wider.reasons);
            assert!(wider.witness.unwrap().action.to_ascii_lowercase().starts_with("s3:"));
        }
    }
}

#[test]
fn a_plan_holds_both_sides_and_is_followed_where_it_refers_to_one_thing() {
    let reference = json!(["aws_iam_policy.m.arn", "aws_iam_policy.m"]);
    let same = |plan: &str| compared(plan, plan, Some("app"));
    assert_eq!(same(&plan(Some("s3:Get*"), reference.clone())).verdict, Verdict::Proven);
    let wider = same(&plan(Some("sqs:*"), reference.clone()));
    assert_eq!(wider.verdict, Verdict::Refuted);
    assert!(wider.witness.unwrap().action.starts_with("sqs:"));
    for (plan, place) in [
        (plan(None, reference), "aws_iam_policy.m.policy"),
        (plan(Some("s3:Get*"), json!(["each.value"])), "aws_iam_role_policy_attachment.m.policy_arn"),
        (
            plan(Some("s3:Get*"), json!(["aws_iam_policy.m", "aws_iam_policy.other"])),
            "aws_iam_role_policy_attachment.m.policy_arn",
        ),
    ] {
        let proof = same(&plan);
        assert_eq!(proof.verdict, Verdict::Unknown, "{plan}");
        assert!(
            proof.reasons[0].contains(place) && proof.reasons[0].contains("after apply"),
            "{:?}",
            proof.reasons
        );
    }
}

#[test]
fn a_function_of_cloudformation_makes_the_answer_unknown() {
    let template = |resource: Value| {
        json!({"Resources": {"App": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust(),
            "Policies": [{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}]}}]}}}})
        .to_string()
    };
    let old = document("s3:*").to_string();
    assert_eq!(compared(&old, &template(json!("*")), None).verdict, Verdict::Proven);
    assert_eq!(
        compared(&old, &template(json!({"Fn::Sub": "arn:aws:s3:::b/*"})), None).verdict,
        Verdict::Proven
    );
    let proof = compared(&old, &template(json!({"Fn::Sub": "arn:aws:s3:::${Bucket}/*"})), None);
    assert_eq!(proof.verdict, Verdict::Unknown);
    assert!(
        proof.reasons[0].contains("/Resources/App/Properties/Policies/0/PolicyDocument/Statement/0/Resource")
    );
}

#[test]
fn policies_whose_text_is_elsewhere_cancel_or_are_asked_for() {
    let role = |action: &str, managed: &[&str], boundary: Value| {
        json!({"Resources": {"App": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust(),
            "ManagedPolicyArns": managed, "PermissionsBoundary": boundary,
            "Policies": [{"PolicyName": "own", "PolicyDocument": document(action)}]}}}})
        .to_string()
    };
    let (read, write) = ("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/PowerUserAccess");
    let none = json!({"Ref": "AWS::NoValue"});
    let verdict = |old: &str, new: &str| compared(old, new, None).verdict;
    let narrow = role("s3:Get*", &[read], none.clone());
    assert_eq!(verdict(&role("s3:*", &[read], none.clone()), &narrow), Verdict::Proven);
    // What is wider may be allowed by the policy nobody has read.
    assert_eq!(verdict(&narrow, &role("s3:*", &[read], none.clone())), Verdict::Unknown);
    for managed in [&[][..], &[write][..], &[read, write][..]] {
        let proof =
            compared(&role("s3:*", &[read], none.clone()), &role("s3:Get*", managed, none.clone()), None);
        assert_eq!(proof.verdict, Verdict::Unknown);
        assert!(proof.reasons[0].contains("--managed"), "{:?}", proof.reasons);
    }
    // With the text the answer is there.
    let mut new = one(&role("s3:Get*", &[read], none.clone()), Side::New, None);
    let text = leastwise::policy::parse_value(&document("s3:List*"), leastwise::policy::PolicyKind::Identity)
        .unwrap();
    new.resolve(&[(read.to_owned(), text)].into());
    let old = one(&document("s3:*").to_string(), Side::Old, None);
    assert_eq!(
        carrier::compare(&[old], &[new], Part::Identity, &Settings::default()).verdict,
        Verdict::Proven
    );
    // A boundary that goes, stays, comes.
    let bound = |arn: &str| role("s3:*", &[], json!(arn));
    let free = role("s3:*", &[], none);
    assert_eq!(verdict(&bound(write), &free), Verdict::Unknown);
    assert_eq!(verdict(&bound(write), &bound(write)), Verdict::Proven);
    assert_eq!(verdict(&bound(write), &bound(read)), Verdict::Unknown);
    assert_eq!(verdict(&free, &bound(read)), Verdict::Proven);
}

#[test]
fn the_set_that_is_meant_is_chosen_by_arn_name_or_address() {
    let two = state("s3:*", "sqs:*")
        .replace(r#""inline_policy":[{"name":"own""#, r#""inline_policy":[{"name":"x""#);
    let sets = || carrier::read("file", &two, Side::New).unwrap();
    for name in ["app", "arn:aws:iam::111122223333:role/app", "aws_iam_role.app"] {
        assert!(carrier::choose("file", sets(), Some(name)).unwrap().is_role, "{name}");
    }
    assert_eq!(
        carrier::choose("file", sets(), Some("nobody")).unwrap_err().to_string(),
        "`file` holds nothing called `nobody`; it holds `aws_iam_role.app`"
    );
    let mut several = sets();
    several.extend(sets());
    assert!(matches!(carrier::choose("f", several, None), Err(CarrierError::Several { .. })));
    assert!(matches!(carrier::choose("f", Vec::new(), None), Err(CarrierError::Nothing { .. })));
    let role = one(&two, Side::New, None);
    assert_eq!((role.trust.policies.len(), role.identity.policies.len()), (1, 2));
    assert_eq!(role.boundary, Boundary::None);
    // Trust policies on demand.
    let open = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}]});
    let of = |old: &str, new: &str| {
        let (old, new) = (one(old, Side::Old, None), one(new, Side::New, None));
        carrier::compare(&[old], &[new], Part::Trust, &Settings::default()).verdict
    };
    assert_eq!(of(&open.to_string(), &two), Verdict::Proven);
    assert_eq!(of(&two, &open.to_string()), Verdict::Refuted);
}

#[test]
fn what_is_broken_is_an_error_with_its_place() {
    let bad = r#"{"Version":"2012-10-17","Statement":[{"Effect":"allow","Action":"s3:*","Resource":"*"}]}"#;
    let state = tfstate("s3:*").replace("Allow", "Permit");
    let template = |document: &str| {
        format!(
            r#"{{"Resources":{{"P":{{"Type":"AWS::IAM::ManagedPolicy","Properties":{{"PolicyDocument":{document}}}}}}}}}"#
        )
    };
    for (text, message) in [
        (bad.to_owned(), "`file` is no policy: at `/Statement/0/Effect`"),
        (state, "`file` at `aws_iam_role.app.assume_role_policy` is no policy"),
        (
            template(bad),
            "`file` at `/Resources/P/Properties/PolicyDocument` is no policy: at `/Statement/0/Effect`",
        ),
        (r#"{"Resources":[]}"#.to_owned(), "`file` is no CloudFormation template"),
        (r#"{"Resources":{"A":{"Properties":{}}}}"#.to_owned(), "at `/Resources/A`: missing field `Type`"),
        (
            r#"{"terraform_version":"1","values":{"root_module":7}}"#.to_owned(),
            "`file` is no Terraform plan or state",
        ),
        ("resource \"aws_iam_role\" \"x\" {}".to_owned(), "`file` is no policy: not valid JSON"),
        (bad.replace("\"*\"}", "\"*\",}"), "`file` is no policy: not valid JSON at line 1, column 8"),
        (String::new(), "`file` is no policy"),
        ("[1, 2]".to_owned(), "`file` is no policy"),
        ("[".repeat(100_000), "`file` is no policy"),
        (format!("Statement: {}", "[".repeat(10_000)), "`file` is no policy"),
    ] {
        let error = carrier::read("file", &text, Side::New).unwrap_err().to_string();
        assert!(error.contains(message), "{error}\n{}", text.chars().take(200).collect::<String>());
    }
    // Duplicate keys are merged as IAM merges them, not lost.
    let twice = template(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Action":"sqs:*","Resource":"*"}]}"#,
    );
    assert_eq!(compared(&document("s3:*").to_string(), &twice, None).verdict, Verdict::Refuted);
}

#[test]
fn a_template_in_the_wild() {
    let Some(corpus) = corpus() else { return };
    let path = corpus.join("k8s/aws__karpenter-provider-aws/test/cloudformation/iam_cloudformation.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let sets = carrier::read("iam_cloudformation.yaml", &text, Side::New).unwrap();
    let told = sets.iter().filter(|set| set.identity.unknown.is_empty()).count();
    eprintln!("{}: {} sets, {told} fully told", path.display(), sets.len());
    assert!(!sets.is_empty());
    for set in &sets {
        let alone = std::slice::from_ref(set);
        let proof = carrier::compare(alone, alone, Part::Identity, &Settings::default());
        let expected = if set.identity.unknown.is_empty() { Verdict::Proven } else { Verdict::Unknown };
        assert_eq!(proof.verdict, expected, "{:?}: {:?}", set.names, proof.reasons);
    }
}
