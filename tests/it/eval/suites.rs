//! Suites of others that test matching, conditions and whole evaluations.

use leastwise::eval::Truth::{self, Unknown};
use leastwise::eval::{
    Context, ContextValue, Layer, Layers, Principal, Reach, Request, RequestResource, Verdict,
    action_matches, conditions_hold, decide, reach, resource_matches,
};
use leastwise::ident::glob::{Colons, Glob, ShortArn};
use leastwise::policy::{
    ActionElement, Condition, Policy, PolicyKind, PrincipalElement, ResourceElement, Version, parse,
    parse_value,
};
use serde_json::{Value, json};

use crate::conformance::Suite;

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text expected: {value}"))
}

pub(crate) fn context_of(value: &Value, mut context: Context) -> Context {
    for (key, value) in value.as_object().into_iter().flatten() {
        context.set(key, context_value(value));
    }
    context
}

pub(crate) fn context_value(value: &Value) -> ContextValue {
    match value {
        Value::Array(items) => ContextValue::Many(items.iter().map(|item| text(item).to_owned()).collect()),
        Value::String(text) => ContextValue::One(text.clone()),
        other => ContextValue::One(other.to_string()),
    }
}

/// The conditions of a `Condition` element, read as the library reads them.
pub(crate) fn conditions(element: &Value) -> Vec<Condition> {
    let document = json!({"Version": "2012-10-17", "Statement":
        {"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": element}});
    parse_value(&document, PolicyKind::Identity).unwrap().statements.remove(0).conditions
}

pub(crate) fn truth(value: &Value) -> Truth {
    match value {
        Value::Bool(value) => (*value).into(),
        other => panic!("no truth: {other}"),
    }
}

pub(crate) fn hold(element: &Value, context: &Value) -> Truth {
    conditions_hold(&conditions(element), Version::V2012, &context_of(context, Context::closed()))
}

pub(crate) fn resource_of(text: &str) -> RequestResource {
    match text {
        "*" => RequestResource::None,
        text if text.contains(['*', '?']) => RequestResource::Pattern(text.to_owned()),
        text => RequestResource::Arn(text.to_owned()),
    }
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(|item| text(item).to_owned()).collect(),
        value => vec![text(value).to_owned()],
    }
}

/// A document of a suite. Some of its documents are ones AWS would not take: identity policies lose a principal, resource control
/// policies get the one they must have, a bare principal gets its type.
pub(crate) fn policy_of(document: &Value, kind: PolicyKind) -> Policy {
    let mut document = document.clone();
    let statements = match &mut document["Statement"] {
        Value::Array(items) => items.iter_mut().collect::<Vec<_>>(),
        one => vec![one],
    };
    for statement in statements {
        let members = statement.as_object_mut().unwrap();
        match kind {
            PolicyKind::Resource | PolicyKind::VpcEndpoint => {
                for name in ["Principal", "NotPrincipal"] {
                    if let Some(bare @ Value::String(_)) = members.get_mut(name)
                        && bare != "*"
                    {
                        *bare = json!({"AWS": bare});
                    }
                }
            }
            PolicyKind::Rcp => {
                members.entry("Principal").or_insert_with(|| "*".into());
            }
            _ => {
                members.remove("Principal");
            }
        }
    }
    parse_value(&document, kind).unwrap_or_else(|error| panic!("{error}: {document}"))
}

#[test]
fn aws_condition_tables() {
    let Some((mut suite, cases)) = Suite::open("aws-docs/condition_tables") else { return };
    for case in cases {
        let found = hold(&case["condition"], &case["context"]);
        suite.score(text(&case["id"]), truth(&case["match"]), found, Unknown, truth);
    }
    suite.close(&[]);
}

#[test]
fn aws_prose_cases() {
    let Some((mut suite, cases)) = Suite::open("aws-docs/prose_cases") else { return };
    for case in cases {
        let id = text(&case["id"]);
        if case["expected"].is_null() {
            suite.skip("the page and another of AWS's guides say different things");
            continue;
        }
        match text(&case["kind"]) {
            "resource_match" => {
                let element = ResourceElement::Only(vec![text(&case["pattern"]).to_owned()]);
                let found = resource_matches(
                    &element,
                    PolicyKind::Identity,
                    Version::V2012,
                    // Asterisks in these are characters, but for the one that stands for no resource.
                    &match text(&case["resource"]) {
                        "*" => RequestResource::None,
                        arn => RequestResource::Arn(arn.to_owned()),
                    },
                    &context_of(&case["context"], Context::closed()),
                );
                suite.score(id, truth(&case["expected"]), found, Unknown, truth);
            }
            "action_match" => {
                let element = ActionElement::Only(vec![text(&case["pattern"]).to_owned()]);
                let found = action_matches(&element, text(&case["action"]));
                suite.score(id, truth(&case["expected"]), found, Unknown, truth);
            }
            "cond" => {
                let version = if case["version"] == "2008-10-17" { Version::V2008 } else { Version::V2012 };
                let context = context_of(&case["context"], Context::closed());
                let found = conditions_hold(&conditions(&case["condition"]), version, &context);
                suite.score(id, truth(&case["expected"]), found, Unknown, truth);
            }
            "parse" => {
                let policy = parse(text(&case["text"]), PolicyKind::Identity).unwrap();
                let rendered = leastwise::policy::render(&policy);
                let expected = case["expected"].as_object().unwrap();
                let kept = expected.iter().all(|(name, value)| rendered["Statement"][0][name] == *value);
                suite.score(id, true, kept, false, |reading| reading == true);
            }
            "eval" => {
                let run = Run::of(&case, &case["request"]["resourceAccount"], Context::closed());
                suite.score(id, verdict(&case["expected"]), run.verdict(), Verdict::Unknown, verdict);
            }
            other => panic!("kind {other}"),
        }
    }
    suite.close(&[]);
}

#[test]
fn condition_operators() {
    let Some((mut suite, cases)) = Suite::open("iam-simulate/condition_operators") else { return };
    for case in cases {
        let operator = text(&case["operator"]);
        let condition = Condition {
            operator: operator.to_owned(),
            key: "test:key".to_owned(),
            values: texts(&case["policy_values"]),
        };
        let mut context = context_of(&case["context"], Context::closed());
        context.set("test:key", context_value(&case["request_value"]));
        let found = conditions_hold(&[condition], Version::V2012, &context);
        let name = format!("{operator}: {}", text(&case["name"]));
        suite.score(&name, truth(&case["expected"]), found, Unknown, truth);
    }
    suite.close(&[]);
}

#[test]
fn condition_blocks() {
    let Some((mut suite, cases)) = Suite::open("iam-simulate/condition_blocks") else { return };
    for case in cases {
        let name = text(&case["name"]);
        if !name.starts_with("singleCondition") && !name.starts_with("forA") {
            suite.skip("discovery mode ignores conditions on purpose, which an evaluator does not");
            continue;
        }
        let found = hold(&case["condition"], &case["context"]);
        suite.score(name, truth(&case["expected"]), found, Unknown, truth);
    }
    suite.close(&[
        (
            "singleConditionMatchesRequest / should return no match if the base operation is not found",
            "AWS refuses an operator it does not know; of one that is stored nothing is claimed",
        ),
        (
            "ForAnyValue / should return no match if the base operation is not found",
            "as above",
        ),
        (
            "should treat ForAnyValue:Null the same as Null",
            "Access Analyzer's reference says it never holds: the two contradict each other, so nothing is claimed",
        ),
    ]);
}

#[test]
fn resource_elements() {
    let Some((mut suite, cases)) = Suite::open("iam-simulate/resource_match") else { return };
    for case in cases {
        let resource = match resource_of(text(&case["request_resource"])) {
            RequestResource::None if case["wildcard_only_action"] == true => RequestResource::None,
            RequestResource::None | RequestResource::Pattern(_) => {
                suite.skip("the request itself holds wildcards, a feature of that simulator");
                continue;
            }
            resource => resource,
        };
        let patterns = texts(&case["patterns"]);
        let element = match text(&case["element"]) {
            "Resource" => ResourceElement::Only(patterns),
            _ => ResourceElement::Except(patterns),
        };
        let kind = match case["policy_type"].as_str() {
            None | Some("identity") => PolicyKind::Identity,
            Some("resource") => PolicyKind::Resource,
            Some("scp") => PolicyKind::Scp,
            Some("rcp") => PolicyKind::Rcp,
            Some("session") => PolicyKind::Session,
            Some("pb") => PolicyKind::Boundary,
            Some("vpce") => PolicyKind::VpcEndpoint,
            Some(other) => panic!("policy type {other}"),
        };
        let context = context_of(&case["context"], Context::closed());
        let found = resource_matches(&element, kind, Version::V2012, &resource, &context);
        suite.score(text(&case["name"]), truth(&case["expected"]), found, Unknown, truth);
    }
    suite.close(&[]);
}

pub(crate) fn principal_of(value: &Value, statement: &Value) -> Principal {
    let Some(text) = value.as_str() else { return Principal::Anonymous };
    if let Some(principal) = Principal::from_arn(text) {
        return principal;
    }
    let element =
        if statement["Principal"].is_null() { &statement["NotPrincipal"] } else { &statement["Principal"] };
    let is = |name: &str| element.get(name).is_some();
    let text = text.to_owned();
    if is("Federated") {
        Principal::Federated(text)
    } else if is("CanonicalUser") {
        Principal::CanonicalUser(text)
    } else {
        Principal::Service(text)
    }
}

/// How a statement's principals reach one; `None` when it depends on what is not known. Discovery mode asks what could be.
pub(crate) fn reach_of(statement: &Value, principal: &Value, is_discovery: bool) -> Option<Reach> {
    let mut whole = statement.clone();
    whole["Effect"] = "Allow".into();
    whole["Action"] = "a:B".into();
    let policy = parse_value(&json!({"Statement": whole}), PolicyKind::Resource).unwrap();
    let element: &PrincipalElement = policy.statements[0].principal.as_ref().unwrap();
    let found = reach(element, &principal_of(principal, statement));
    match (is_discovery, found.sure == found.possible) {
        (true, _) => Some(found.possible),
        (false, true) => Some(found.sure),
        (false, false) => None,
    }
}

/// That simulator's names of it.
pub(crate) fn reach_named(name: &str) -> Reach {
    match name {
        "Match" => Reach::Direct,
        "AccountLevelMatch" => Reach::Account,
        "SessionRoleMatch" | "SessionUserMatch" => Reach::Role,
        "NoMatch" => Reach::None,
        other => panic!("expected {other}"),
    }
}

#[test]
fn principal_elements() {
    let Some((mut suite, cases)) = Suite::open("iam-simulate/principal_match") else { return };
    for case in cases {
        let statement = &case["statement"];
        if statement.get("Principal").is_none() && statement.get("NotPrincipal").is_none() {
            suite.skip("a statement without principal is refused when it is read");
            continue;
        }
        let found = reach_of(statement, &case["principal"], case["mode"] == "Discovery");
        let expected = reach_named(text(&case["expected"]));
        suite.score(text(&case["name"]), Some(expected), found, None, |_| None);
    }
    suite.close(&[(
        "ignoredRoleSessionName for assumed-role principal and request with different session name",
        "that simulator sets session names aside; two different sessions are two principals",
    )]);
}

pub(crate) fn verdict(value: &Value) -> Verdict {
    match text(value) {
        "Allowed" => Verdict::Allowed,
        "ExplicitlyDenied" => Verdict::ExplicitDeny,
        "ImplicitlyDenied" => Verdict::ImplicitDeny,
        other => panic!("verdict {other}"),
    }
}

/// One case of the evaluation suites, parsed.
struct Run {
    request: Request,
    identity: Vec<Policy>,
    boundary: Option<Vec<Policy>>,
    session: Option<Policy>,
    scps: Vec<Vec<Policy>>,
    rcps: Vec<Vec<Policy>>,
    endpoint: Option<Vec<Policy>>,
    resource: Option<Policy>,
}

impl Run {
    fn of(case: &Value, account: &Value, context: Context) -> Self {
        let request = &case["request"];
        let list = |value: &Value, kind| {
            value
                .as_array()
                .map(|all| all.iter().map(|document| policy_of(document, kind)).collect::<Vec<_>>())
        };
        let levels = |value: &Value, kind| -> Vec<Vec<Policy>> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .map(|level| list(&level["policies"], kind).unwrap())
                .collect()
        };
        let one = |value: &Value, kind| (!value.is_null()).then(|| policy_of(value, kind));
        let resource = request["resource"]["resource"].as_str().unwrap_or_else(|| text(&request["resource"]));
        let mut context = context_of(&request["context"], context);
        let principal = principal_of(&request["principal"], &Value::Null);
        leastwise::eval::complete_context(&mut context, &principal);
        let mut rcps = levels(&case["resourceControlPolicies"], PolicyKind::Rcp);
        for level in &mut rcps {
            level.push(policy_of(
                &json!({"Version": "2012-10-17", "Statement":
                    {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}),
                PolicyKind::Rcp,
            ));
        }
        let mut boundary = list(&case["permissionBoundaries"], PolicyKind::Boundary);
        boundary = boundary.filter(|policies| !policies.is_empty());
        Self {
            request: Request {
                principal,
                action: text(&request["action"]).to_owned(),
                resource: resource_of(resource),
                resource_account: account.as_str().map(str::to_owned),
                context,
            },
            identity: list(&case["identityPolicies"], PolicyKind::Identity).unwrap_or_default(),
            boundary,
            session: one(&case["sessionPolicy"], PolicyKind::Session),
            scps: levels(&case["serviceControlPolicies"], PolicyKind::Scp),
            rcps,
            endpoint: list(&case["endpointPolicies"], PolicyKind::VpcEndpoint),
            resource: one(&case["resourcePolicy"], PolicyKind::Resource),
        }
    }

    fn layers(&self) -> Layers<'_> {
        Layers {
            identity: Layer::of(&self.identity),
            boundary: self.boundary.as_ref().map(Layer::of),
            session: self.session.as_ref().map(|policy| Layer::of([policy])),
            scps: self.scps.iter().map(Layer::of).collect(),
            rcps: self.rcps.iter().map(Layer::of).collect(),
            vpc_endpoint: self.endpoint.as_ref().map(Layer::of),
            resource: self.resource.as_ref().map(|policy| Layer::of([policy])),
        }
    }

    fn verdict(&self) -> Verdict {
        decide(&self.request, &self.layers()).verdict
    }
}

#[test]
fn core_engine() {
    let Some((mut suite, cases)) = Suite::open("iam-simulate/core_engine") else { return };
    let (mut n_discovery, mut n_open) = (0, 0);
    for case in cases {
        let file = text(&case["file"]).rsplit('/').next().unwrap();
        let name = format!("{file}: {}", text(&case["name"]));
        if file == "noPrincipalElement.json" {
            suite.skip("a statement without principal is refused when it is read");
            continue;
        }
        let resource = text(&case["request"]["resource"]["resource"]);
        if file == "requestWildcards.json" || (resource != "*" && resource.contains(['*', '?'])) {
            suite.skip("the request itself holds wildcards, a feature of that simulator");
            continue;
        }
        let account = &case["request"]["resource"]["accountId"];
        let expected = verdict(&case["expected"]["response"]);
        if case["simulation"]["mode"] == "Discovery" {
            // What the simulator finds by leaving conditions out must not be contradicted by what is certain.
            let mut run = Run::of(&case, account, Context::open());
            run.request.context = Context::open();
            let found = run.verdict();
            n_discovery += 1;
            n_open += usize::from(found == Verdict::Unknown);
            let found = if found == Verdict::Unknown { expected } else { found };
            suite.score(&name, expected, found, Verdict::Unknown, verdict);
            continue;
        }
        let found = Run::of(&case, account, Context::closed()).verdict();
        suite.score(&name, expected, found, Verdict::Unknown, verdict);
    }
    eprintln!("  discovery: {n_discovery} cases, {n_open} of them left open");
    suite.close(&[
        (
            "Allow Differently Named Session When Resource Policy Allows for Session",
            "that simulator sets session names aside in discovery mode; two different sessions are two principals",
        ),
        ("Allow Differently Named Session To Pierce Permission Boundary Implicit Deny", "as above"),
    ]);
}

#[test]
fn whole_simulations() {
    let Some((mut suite, cases)) = Suite::open("iam-simulate/simulation_engine_integration") else { return };
    for case in cases {
        if case["expected"]["resultType"] != "single" {
            suite.skip("the request itself holds wildcards, a feature of that simulator");
            continue;
        }
        if case["simulationOptions"]["simulationMode"] == "Discovery" {
            suite.skip("discovery mode ignores conditions on purpose, which an evaluator does not");
            continue;
        }
        let simulation = &case["simulation"];
        let documents = |value: &Value| -> Value {
            value.as_array().into_iter().flatten().map(|named| named["policy"].clone()).collect()
        };
        let whole = json!({
            "request": {
                "action": simulation["request"]["action"],
                "resource": simulation["request"]["resource"],
                "principal": simulation["request"]["principal"],
                "context": simulation["request"]["contextVariables"],
            },
            "identityPolicies": documents(&simulation["identityPolicies"]),
            "resourcePolicy": simulation["resourcePolicy"],
        });
        let name = format!("{} / {}", text(&case["file"]), text(&case["name"]));
        let account = &simulation["request"]["resource"]["accountId"];
        let found = Run::of(&whole, account, Context::closed()).verdict();
        suite.score(&name, verdict(&case["expected"]["overallResult"]), found, Verdict::Unknown, verdict);
    }
    suite.close(&[]);
}

#[test]
fn oidc_trust_conditions() {
    let Some((mut suite, cases)) = Suite::open("oidc-trust/aws_vectors") else { return };
    for case in cases {
        let expected = Truth::from(case["expected"] == "match");
        let found = hold(&case["condition"], &case["context"]);
        suite.score(text(&case["id"]), expected, found, Unknown, truth);
    }
    suite.close(&[]);
}

#[test]
fn arsenal_policy_evaluator() {
    let Some((mut suite, cases)) = Suite::open("arsenal/policy_evaluator") else { return };
    for case in cases {
        let whole = case.to_string();
        if ["ExistingObjectTag", "RequestObjectTag", "NeedTag"].iter().any(|word| whole.contains(word)) {
            suite.skip("a two-pass scheme of that product");
            continue;
        }
        let context =
            if case["context_filled"].is_null() { &case["context"] } else { &case["context_filled"] };
        let request = json!({"request": {
            "action": case["action"], "resource": case["resource"], "context": context,
            "principal": "arn:aws:iam::123456789012:user/someone",
        }});
        let documents = case["policies"].as_array().unwrap();
        let name = text(&case["test"]);
        let read: Result<Vec<Policy>, _> =
            documents.iter().map(|document| parse_value(document, PolicyKind::Identity)).collect();
        let found = match read {
            Err(_) => "refused",
            Ok(identity) => {
                let run = Run { identity, ..Run::of(&request, &json!("123456789012"), Context::closed()) };
                match run.verdict() {
                    Verdict::Allowed => "Allow",
                    Verdict::ExplicitDeny => "Deny",
                    Verdict::ImplicitDeny => "Neutral",
                    Verdict::Unknown => "Unknown",
                }
            }
        };
        let expected = match (&case["expected"], case["expected"]["verdict"].as_str()) {
            (expected, Some("Deny")) if expected["isImplicit"] == true => "Neutral",
            (_, Some(verdict)) => verdict,
            // Without more, a deny over all policies may be either.
            (expected, None) if expected == "Deny" && case["kind"] == "all" && found == "Neutral" => found,
            (expected, None) => text(expected),
        };
        suite.score(name, expected, found, "Unknown", |_| "Neutral");
    }
    suite.close(&[
        (
            "should be neutral for DateEquals condition with epoch dateif do not meet condition",
            "the condition lacks its operator: the document is refused",
        ),
        (
            "should be neutral for BinaryNotEquals condition if do not meet condition",
            "AWS has no such operator, so nothing is claimed",
        ),
    ]);
}

#[test]
fn arsenal_principals() {
    let Some((mut suite, cases)) = Suite::open("arsenal/principal_evaluator") else { return };
    for case in cases {
        if text(&case["fn"]) != "_evaluatePrincipalField" {
            suite.skip("arguments are kept as source text");
            continue;
        }
        let (statement, target) = (&case["args"][0], &case["args"][1]);
        let mut whole = statement.clone();
        whole["Action"] = "a:B".into();
        let Ok(policy) = parse_value(&json!({"Statement": whole}), PolicyKind::Resource) else {
            suite.skip("the element is none");
            continue;
        };
        let element = policy.statements[0].principal.as_ref().unwrap();
        // The target is a list of names the asker goes by.
        let names = if target["AWS"].is_null() { Vec::new() } else { texts(&target["AWS"]) };
        let asker = names.iter().find_map(|name| Principal::from_arn(name));
        let Some(asker) = asker else {
            suite.skip("not an AWS principal");
            continue;
        };
        let applies = reach(element, &asker).truth();
        let found = match (applies, text(&statement["Effect"])) {
            (Truth::True, effect) => effect.to_owned(),
            (Truth::False, _) => "Neutral".to_owned(),
            (Unknown, _) => "Unknown".to_owned(),
        };
        let expected = text(&case["expected"]).to_owned();
        suite.score(text(&case["test"]), expected, found, "Unknown".to_owned(), |_| "Unknown".to_owned());
    }
    suite.close(&[]);
}

#[test]
fn parliament_arn_overlap() {
    let Some((mut suite, cases)) = Suite::open("parliament/arn_glob_overlap") else { return };
    for (index, case) in cases.iter().enumerate() {
        let args = &case["args"];
        match text(&case["fn"]) {
            "is_arn_match" => {
                let glob = |value: &Value| Glob::arn(text(value), Colons::Stop, ShortArn::Pad).unwrap();
                let found = glob(&args[1]).overlaps(&glob(&args[2]));
                suite.score(&format!("#{index}"), case["expected"] == true, found, false, |_| false);
            }
            _ => suite.skip("about names of Regions and accounts, or about resource types"),
        }
    }
    suite.close(&[
        ("#35", "an empty account is a text that `*` matches; that tool knows which types have an account"),
        ("#37", "an empty Region is a text that `*` matches; that tool knows which types have one"),
    ]);
}

/// The role or user called `arn` in an account authorization details dump: its own policies, and its boundary.
fn policies_of(dump: &Value, arn: &str) -> Option<(Vec<Policy>, Option<Vec<Policy>>)> {
    let all = |name: &str| dump[name].as_array().into_iter().flatten();
    let by_arn = |wanted: &Value| {
        let managed = all("Policies").find(|policy| policy["Arn"] == *wanted)?;
        let versions = managed["PolicyVersionList"].as_array()?;
        let document = &versions.iter().find(|version| version["IsDefaultVersion"] == true)?["Document"];
        Some(policy_of(document, PolicyKind::Identity))
    };
    let holder = all("RoleDetailList").chain(all("UserDetailList")).find(|holder| holder["Arn"] == arn)?;
    let groups = holder["GroupList"].as_array().into_iter().flatten();
    let groups = groups.filter_map(|name| all("GroupDetailList").find(|group| group["GroupName"] == *name));
    let mut policies = Vec::new();
    for owner in std::iter::once(holder).chain(groups) {
        for list in ["RolePolicyList", "UserPolicyList", "GroupPolicyList"] {
            let inline = owner[list].as_array().into_iter().flatten();
            policies.extend(inline.map(|named| policy_of(&named["PolicyDocument"], PolicyKind::Identity)));
        }
        let attached = owner["AttachedManagedPolicies"].as_array().into_iter().flatten();
        policies.extend(attached.filter_map(|named| by_arn(&named["PolicyArn"])));
    }
    let boundary = &holder["PermissionsBoundary"]["PermissionsBoundaryArn"];
    Some((policies, (!boundary.is_null()).then(|| by_arn(boundary).into_iter().collect())))
}

/// The SCPs on the way from `node` down to the account, level by level.
fn scps_of(node: &Value, account: &str) -> Option<Vec<Vec<Policy>>> {
    let own = node["Policies"].as_array().into_iter().flatten();
    let level: Vec<Policy> = own.map(|policy| policy_of(&policy["Content"], PolicyKind::Scp)).collect();
    if node["Id"] == account {
        return Some(vec![level]);
    }
    let below = node["Children"].as_array()?.iter().find_map(|child| scps_of(child, account))?;
    Some(std::iter::once(level).chain(below).collect())
}

#[test]
fn whole_accounts() {
    let Some((mut suite, cases)) = Suite::open("iamspy/integration") else { return };
    for (index, case) in cases.iter().enumerate() {
        let mut input = case["input"].as_array().unwrap().clone();
        let list = |name: &str| case["inputs"][name].as_array().cloned().unwrap_or_default();
        let dumps = list("gaads");
        let everyone = || {
            let of = |name: &'static str| {
                dumps
                    .iter()
                    .flat_map(move |dump| dump[name].as_array().into_iter().flatten())
                    .map(|h| h["Arn"].clone())
            };
            of("RoleDetailList").chain(of("UserDetailList")).collect::<Vec<_>>()
        };
        let askers = if case["test"] == "test_can_i" { vec![input.remove(0)] } else { everyone() };
        let resources = match &input[1] {
            Value::Array(many) => many.clone(),
            one => vec![one.clone()],
        };
        let mut allowed = Vec::new();
        for (asker, resource) in
            askers.iter().flat_map(|asker| resources.iter().map(move |resource| (asker, resource)))
        {
            let (asker, resource) = (text(asker), text(resource));
            let Some((identity, boundary)) = dumps.iter().find_map(|dump| policies_of(dump, asker)) else {
                continue;
            };
            let principal = Principal::from_arn(asker).unwrap();
            let own_account = principal.account().unwrap().to_owned();
            // Objects stand under their bucket's policy.
            let listed = list("resources");
            let entry = listed.iter().flat_map(|file| file.as_array().into_iter().flatten()).find(|entry| {
                let name = text(&entry["Resource"]);
                resource == name || resource.starts_with(&format!("{name}/"))
            });
            let in_arn = resource.split(':').nth(4).filter(|account| !account.is_empty());
            let account = entry.map_or(in_arn, |entry| entry["Account"].as_str());
            // Conditions not given are free, unless the case says that there are no others.
            let is_strict = input.get(4) == Some(&json!(true));
            let mut context = if is_strict { Context::closed() } else { Context::open() };
            for given in input.get(2).and_then(Value::as_array).into_iter().flatten() {
                let (key, value) = text(given).split_once('=').unwrap();
                context.set(key, ContextValue::One(value.to_owned()));
            }
            let run = Run {
                request: Request {
                    principal,
                    action: text(&input[0]).to_owned(),
                    resource: RequestResource::Arn(resource.to_owned()),
                    resource_account: account.map(str::to_owned),
                    context,
                },
                identity,
                boundary,
                session: None,
                scps: list("scps")
                    .iter()
                    // SCPs do not bind the organization's management account.
                    .filter(|root| !text(&root["Arn"]).contains(&format!("::{own_account}:root/")))
                    .find_map(|root| scps_of(root, &own_account))
                    .unwrap_or_default(),
                rcps: Vec::new(),
                endpoint: None,
                resource: entry.map(|entry| policy_of(&entry["Policy"], PolicyKind::Resource)),
            };
            // That tool asks whether some context allows: what depends on one is allowed by one.
            if matches!(run.verdict(), Verdict::Allowed | Verdict::Unknown) {
                allowed.push(if resources.len() > 1 { json!([asker, resource]) } else { json!(asker) });
            }
        }
        let mut found: Vec<String> = allowed.iter().map(Value::to_string).collect();
        found.sort();
        let expected: Vec<String> = match &case["expected"] {
            Value::Bool(true) => vec![askers[0].to_string()],
            Value::Bool(false) => Vec::new(),
            Value::Array(all) => {
                let mut all: Vec<String> = all.iter().map(Value::to_string).collect();
                all.sort();
                all
            }
            other => panic!("expected {other}"),
        };
        suite.score(&format!("#{index}"), expected, found, Vec::new(), |_| Vec::new());
    }
    suite.close(&[]);
}
