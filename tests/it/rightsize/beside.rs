//! What calls may need beside the action they are named for, without an event to show it.

use super::*;

const GRANT: &str = r#"[{"Effect":"Allow","Action":["rds:CreateDBInstance","rds:CreateTenantDatabase","rds:AddTagsToResource",
    "rds:DeleteTenantDatabase","kms:CreateGrant","iam:PassRole","logs:PutLogEvents"],"Resource":"*"}]"#;
const CREATED: &str = "rds:CreateDBInstance arn:aws:rds:eu-west-1:111122223333:db:a";

fn drop() -> Settings {
    Settings { unobservable: Unobservable::Drop, ..Settings::default() }
}

/// The actions the proposal still allows.
fn kept(result: &RightSized) -> BTreeSet<String> {
    let actions = |statement: &serde_json::Value| match &statement["Action"] {
        serde_json::Value::String(one) => vec![one.clone()],
        many => serde_json::from_value(many.clone()).unwrap(),
    };
    proposed(result).as_array().unwrap().iter().flat_map(actions).collect()
}

#[test]
fn what_is_checked_inside_a_call_is_not_called_unused_and_stays() {
    let role = role(&[GRANT]);
    let result = right_size(&role, &[CREATED]);
    for (action, verdict) in [
        ("rds:CreateDBInstance", ActionVerdict::Used),
        // Checked inside the call that was seen.
        ("rds:CreateTenantDatabase", ActionVerdict::Unobservable),
        // Not needed beside any call that was seen.
        ("rds:DeleteTenantDatabase", ActionVerdict::Unused),
        // The parameters would have shown it.
        ("rds:AddTagsToResource", ActionVerdict::Unused),
        // Its own event, made in the caller's name, would have shown it.
        ("kms:CreateGrant", ActionVerdict::Unused),
        ("iam:PassRole", ActionVerdict::Unobservable),
    ] {
        assert_eq!(verdict_of(&result, action), Some(verdict), "{action}");
    }
    let blind = result.comparison.partly_blind.join("\n");
    assert!(blind.contains("1 granted action may have been needed inside calls of used ones (rds:CreateTenantDatabase by rds:CreateDBInstance)"), "{blind}");

    // Dropping what cannot be judged drops none of it.
    let result = right_size_in(&role, &[CREATED], &observation(S3), drop());
    let expected = ["rds:CreateDBInstance", "rds:CreateTenantDatabase"];
    assert_eq!(kept(&result), expected.map(str::to_owned).into(), "{:?}", result.proposal.reasons);

    // Without the call nothing may have needed it.
    let result = right_size(&role, &["rds:AddTagsToResource arn:aws:rds:eu-west-1:111122223333:db:a"]);
    assert_eq!(verdict_of(&result, "rds:CreateTenantDatabase"), Some(ActionVerdict::Unused));
}

#[test]
fn calls_in_the_callers_name_prove_nothing_where_their_events_are_not_recorded() {
    let mut without_kms = observation(S3);
    without_kms.kms.clear();
    let result = right_size_in(&role(&[GRANT]), &[CREATED], &without_kms, drop());
    assert_eq!(verdict_of(&result, "kms:CreateGrant"), Some(ActionVerdict::Undetermined));
    assert!(kept(&result).contains("kms:CreateGrant"));
}

#[test]
fn left_out_parameters_may_have_passed_roles_and_tags() {
    let mut seen = access(&[CREATED, "iam:PassRole arn:aws:iam::111122223333:role/monitoring"]);
    seen.uses.iter_mut().filter(|one| one.action.as_str() == "rds:CreateDBInstance").for_each(|one| {
        one.resource = Resource::Unknown("the event leaves parameters out");
    });
    let (role, losses, observation) = (role(&[GRANT]), Losses::default(), observation(S3));
    let coverage = Coverage::new(&observation, &losses, &Settings::default());
    let subject = Subject { arn: ROLE, role: Some(&role), access: Some(&seen), ..Subject::default() };
    let result = RightSizer::new(Catalog::embedded(), Settings::default()).right_size(&subject, &coverage);
    assert_eq!(verdict_of(&result, "rds:AddTagsToResource"), Some(ActionVerdict::Unobservable));
    assert_eq!(verdict_of(&result, "iam:PassRole"), Some(ActionVerdict::Used));
    // Another role may have been passed than the one that was seen.
    let pass = proposed(&result)
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["Action"].to_string().contains("PassRole"))
        .cloned();
    assert_eq!(pass.unwrap()["Resource"], "*");
}

#[test]
fn a_batch_of_deletes_may_have_deleted_versions() {
    let grant =
        r#"[{"Effect":"Allow","Action":["s3:DeleteObject","s3:DeleteObjectVersion"],"Resource":"*"}]"#;
    for (resource, verdict) in [
        ("arn:aws:s3:::b/*", ActionVerdict::Unobservable),
        // Of one key, the event would tell the version.
        ("arn:aws:s3:::b/k", ActionVerdict::Unused),
    ] {
        let result = right_size(&role(&[grant]), &[&format!("s3:DeleteObject {resource}")]);
        assert_eq!(verdict_of(&result, "s3:DeleteObjectVersion"), Some(verdict), "{resource}");
    }
}
