//! Can one session do several things, one after the other?

use leastwise::ident::Action;
use leastwise::policy::{Policy, PolicyKind};
use leastwise::proof::{Budget, GrantLayer, LayeredGrant, Shared, Step, Together};
use serde_json::{Value, json};

use super::policy;

fn document(statements: Value) -> Policy {
    policy(&json!({"Version": "2012-10-17", "Statement": statements}), PolicyKind::Identity)
}

/// Whether a function can be made and called, and a role passed to it.
fn can(own: Value, limit: Option<Value>) -> Together {
    can_with(own, limit, Budget::default())
}

fn can_with(own: Value, limit: Option<Value>, budget: Budget) -> Together {
    let own = document(own);
    let limit = limit.map(document);
    let layers: Vec<GrantLayer<'_>> = std::iter::once(&own)
        .chain(&limit)
        .map(|policy| GrantLayer { policies: vec![policy], ..GrantLayer::default() })
        .collect();
    let actions: Vec<Action> = ["lambda:CreateFunction", "lambda:InvokeFunction", "iam:PassRole"]
        .map(|name| name.parse().unwrap())
        .to_vec();
    let function = "arn:*:lambda:*:*:function:*".to_owned();
    let steps: Vec<Step<'_>> = actions
        .iter()
        .map(|action| match action.service() {
            "iam" => Step {
                action,
                resources: vec!["arn:aws:iam::1:role/worker".to_owned()],
                context: vec![("iam:PassedToService", "lambda.amazonaws.com")],
            },
            _ => Step { action, resources: vec![function.clone()], context: Vec::new() },
        })
        .collect();
    let shared = [Shared { steps: (0, 1), formats: vec![function] }];
    LayeredGrant::new(&layers, &[], budget).together(&steps, &shared)
}

#[test]
fn steps_must_go_together() {
    let functions = |action: &str, name: &str| json!({"Effect": "Allow", "Action": format!("lambda:{action}"), "Resource": format!("arn:aws:lambda:eu-west-1:1:function:{name}")});
    let pass = json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"});
    let tagged = |statement: Value, value: &str| {
        let mut statement = statement;
        statement["Condition"] = json!({"StringEquals": {"aws:PrincipalTag/team": value}});
        statement
    };
    let where_region = |statement: Value, value: &str| {
        let mut statement = statement;
        statement["Condition"] = json!({"StringEquals": {"aws:RequestedRegion": value}});
        statement
    };
    for (own, possible) in [
        (json!([functions("*", "*"), pass]), true),
        (json!([functions("*", "*")]), false),
        // What is made must be what is called.
        (json!([functions("Create*", "a*"), functions("Invoke*", "ab"), pass]), true),
        (json!([functions("Create*", "a*"), functions("Invoke*", "b*"), pass]), false),
        // A session has one tag; one function is in one Region, and a role passed in any.
        (json!([tagged(functions("*", "*"), "x"), tagged(pass.clone(), "x")]), true),
        (json!([tagged(functions("*", "*"), "x"), tagged(pass.clone(), "y")]), false),
        (
            json!([where_region(functions("*", "*"), "eu-west-1"), where_region(pass.clone(), "us-east-1")]),
            true,
        ),
        (
            json!([
                where_region(functions("Create*", "*"), "eu-west-1"),
                where_region(functions("Invoke*", "*"), "us-east-1"),
                pass
            ]),
            false,
        ),
        // A role, and the service it goes to.
        (
            json!([functions("*", "*"), {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::1:role/work*"}]),
            true,
        ),
        (
            json!([functions("*", "*"), {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::1:role/other"}]),
            false,
        ),
        (
            json!([functions("*", "*"), {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com"]}}}]),
            false,
        ),
        (
            json!([functions("*", "*"), {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
            "Condition": {"StringLike": {"iam:PassedToService": ["lambda.*"]}}}]),
            true,
        ),
        // A deny under a condition leaves the rest.
        (
            json!([functions("*", "*"), pass, {"Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}]),
            true,
        ),
        (
            json!([functions("*", "*"), pass, {"Effect": "Deny", "Action": "lambda:Create*", "Resource": "*"}]),
            false,
        ),
    ] {
        let expected = if possible { Together::Possible } else { Together::Impossible };
        assert_eq!(can(own.clone(), None), expected, "{own}");
    }
    let own = json!([functions("*", "*"), pass]);
    let limit = |actions: Value| Some(json!([{"Effect": "Allow", "Action": actions, "Resource": "*"}]));
    assert_eq!(can(own.clone(), limit(json!(["lambda:*", "iam:*"]))), Together::Possible);
    assert_eq!(can(own, limit(json!("lambda:*"))), Together::Impossible);
}

#[test]
fn what_cannot_be_told_is_told_apart() {
    let all =
        |action: &str, resource: &str| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    let reason = |found: Together| match found {
        Together::Undecided(reason) => reason,
        other => panic!("{other:?}"),
    };
    // Without the work to look.
    let own = json!([all("*", "*")]);
    let spent = can_with(own.clone(), None, Budget { work: 500, ..Budget::default() });
    assert!(reason(spent).contains("budget of work"));
    assert_eq!(can(own, None), Together::Possible);
    // By AWS's pages a `*` stays inside its part of the ARN; others read it otherwise.
    let crossing = json!([all("lambda:*", "arn:aws:lambda:eu-west-1:*function:f"), all("iam:PassRole", "*")]);
    assert!(reason(can(crossing, None)).starts_with("possible if `*`"));
    // More grants of a step than are tried, none of which goes with another.
    let tagged = |action: &str, n: usize| {
        json!({"Effect": "Allow", "Action": action, "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/team": format!("{action}{n}")}}})
    };
    let many: Vec<Value> = (0..20).flat_map(|n| [tagged("lambda:*", n), tagged("iam:PassRole", n)]).collect();
    assert!(reason(can(json!(many), None)).contains("more ways than are tried"));
}
