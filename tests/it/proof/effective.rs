//! What is left of a grant in small worlds of layers, with the evaluator's answer to every request of the world as judge.

use std::collections::BTreeMap;

use leastwise::eval::{
    Context, ContextValue, Layer, Layers, Principal, Request, RequestResource, Verdict, decide,
    match_statement,
};
use leastwise::ident::Action;
use leastwise::policy::{Effect, Policy, PolicyKind};
use leastwise::proof::{Budget, Effective, GrantLayer, LayerReach, LayeredGrant};
use serde_json::{Value, json};

use super::policy;
use super::random::Random;

const OWN: &str = "111111111111";
const ROLE: &str = "arn:aws:iam::111111111111:role/app";
const ACTIONS: [&str; 4] = ["a:x", "a:xy", "b:x", "c:z"];
const RESOURCES: [&str; 8] = [
    "arn:aws:s:eu:111111111111:p",
    "arn:aws:s:eu:111111111111:p/1",
    "arn:aws:s:eu:111111111111:q",
    "arn:aws:s:eu:222222222222:p",
    "arn:aws:s:::p",
    "arn:aws:s:eu:111111111111:z",
    "arn:aws:s:us:111111111111:z",
    "arn:aws:t:us:333333333333:z",
];
/// `None`: the key is absent.
const REGIONS: [Option<&str>; 5] = [None, Some("eu"), Some("e2"), Some("us"), Some("ap")];

/// Resource control policies reach the actions of two services.
fn is_reached(action: &Action) -> bool {
    action.service() != "c"
}

/// Every request of the world.
fn requests(action: &str) -> Vec<Request> {
    let mut all = Vec::new();
    for resource in RESOURCES {
        for region in REGIONS {
            let mut context = Context::closed();
            context.set("aws:PrincipalArn", ContextValue::One(ROLE.to_owned()));
            if let Some(region) = region {
                context.set("aws:RequestedRegion", ContextValue::One(region.to_owned()));
            }
            all.push(Request {
                principal: Principal::Role { arn: ROLE.to_owned() },
                action: action.to_owned(),
                resource: RequestResource::Arn(resource.to_owned()),
                // What other accounts' resources ask for beside is another question.
                resource_account: Some(OWN.to_owned()),
                context,
            });
        }
    }
    all
}

fn element(random: &mut Random) -> (&'static str, Value) {
    match random.below(7) {
        0 | 1 => ("Action", json!("*")),
        2 => ("Action", json!(["a:x", "c:*"])),
        3 => ("Action", json!("a:x*")),
        4 => ("Action", json!(["b:x", "a:xy"])),
        5 => ("NotAction", json!("a:*")),
        _ => ("NotAction", json!(["b:x", "c:z"])),
    }
}

fn resource(random: &mut Random) -> (&'static str, Value) {
    match random.below(8) {
        0..3 => ("Resource", json!("*")),
        3 => ("Resource", json!("arn:aws:s:eu:111111111111:p*")),
        4 => ("Resource", json!(["arn:aws:s:eu:111111111111:q", "arn:aws:s:::p"])),
        5 => ("Resource", json!("arn:aws:s:eu:111111111111:*")),
        6 => ("NotResource", json!("arn:aws:s:eu:111111111111:p*")),
        _ => ("NotResource", json!(["arn:aws:s:::p", "arn:aws:s:eu:222222222222:*"])),
    }
}

fn condition(random: &mut Random) -> Value {
    match random.below(10) {
        0 => json!({"StringEquals": {"aws:RequestedRegion": "eu"}}),
        1 => json!({"StringNotEquals": {"aws:RequestedRegion": ["eu", "us"]}}),
        2 => json!({"StringNotEquals": {"aws:RequestedRegion": "us"}}),
        3 => json!({"StringEqualsIfExists": {"aws:RequestedRegion": "us"}}),
        4 => json!({"Null": {"aws:RequestedRegion": "true"}}),
        5 => json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin-*"}}),
        6 => {
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app"}, "StringLike": {"aws:RequestedRegion": "e*"}})
        }
        _ => Value::Null,
    }
}

fn statement(random: &mut Random, effect: &str) -> Value {
    let ((action, actions), (on, resources)) = (element(random), resource(random));
    let mut one = json!({"Effect": effect, action: actions, on: resources});
    let condition = condition(random);
    if !condition.is_null() {
        one["Condition"] = condition;
    }
    one
}

fn document(statements: Vec<Value>, kind: PolicyKind) -> Policy {
    policy(&json!({"Version": "2012-10-17", "Statement": statements}), kind)
}

/// One world: the role's policies, a boundary, two levels of SCPs, and a level of RCPs that denies.
struct World {
    own: Policy,
    boundary: Option<Policy>,
    levels: Vec<Policy>,
    rcp: Option<Policy>,
}

impl World {
    fn new(random: &mut Random) -> Self {
        let some = |random: &mut Random, allows: usize, denies: usize| {
            let mut all: Vec<Value> = (0..allows).map(|_| statement(random, "Allow")).collect();
            all.extend((0..denies).map(|_| statement(random, "Deny")));
            all
        };
        let everything = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let own = {
            let (allows, denies) = (1 + random.below(3), random.below(3));
            some(random, allows, denies)
        };
        let boundary = random.one_in(2).then(|| some(random, 2, 1));
        let levels = (0..random.below(3))
            .map(|_| {
                // Most levels allow everything and deny something; some are lists of what is allowed.
                let mut level = if random.one_in(3) { some(random, 2, 0) } else { vec![everything.clone()] };
                let denies = random.below(3);
                level.extend(some(random, 0, denies));
                document(level, PolicyKind::Scp)
            })
            .collect();
        let rcp = random.one_in(2).then(|| {
            let mut denies = some(random, 0, 2);
            denies.iter_mut().for_each(|deny| deny["Principal"] = json!("*"));
            denies
        });
        Self {
            own: document(own, PolicyKind::Identity),
            boundary: boundary.map(|statements| document(statements, PolicyKind::Boundary)),
            levels,
            rcp: rcp.map(|statements| document(statements, PolicyKind::Rcp)),
        }
    }

    /// The layers as the prover takes them, up to `n` of them.
    fn layers(&self, n: usize) -> Vec<GrantLayer<'_>> {
        let plain = |policy| GrantLayer { policies: vec![policy], ..GrantLayer::default() };
        let limits = self.boundary.iter().chain(&self.levels).map(plain);
        let rcp = self.rcp.iter().map(|policy| GrantLayer {
            policies: vec![policy],
            is_open: true,
            reach: Some(LayerReach { account: OWN, actions: is_reached }),
        });
        std::iter::once(plain(&self.own)).chain(limits).chain(rcp).take(n).collect()
    }

    /// Whether the evaluator allows a request, with the role's policies replaced by `own` and only the first `n` layers in force.
    fn allows(&self, request: &Request, own: &Policy, n: usize, full: &Policy) -> bool {
        let limits: Vec<(bool, &Policy)> = self
            .boundary
            .iter()
            .map(|policy| (true, policy))
            .chain(self.levels.iter().map(|policy| (false, policy)))
            .take(n - 1)
            .collect();
        let RequestResource::Arn(arn) = &request.resource else { panic!() };
        let action: Action = request.action.parse().unwrap();
        let is_bound = arn.split(':').nth(4) == Some(OWN) && is_reached(&action);
        let has_rcp = n > 1 + usize::from(self.boundary.is_some()) + self.levels.len();
        let rcp = self.rcp.as_ref().filter(|_| is_bound && has_rcp);
        let layers = Layers {
            identity: Layer::of([own]),
            boundary: limits.iter().find(|(is_boundary, _)| *is_boundary).map(|(_, one)| Layer::of([*one])),
            scps: limits
                .iter()
                .filter(|(is_boundary, _)| !is_boundary)
                .map(|(_, one)| Layer::of([*one]))
                .collect(),
            rcps: rcp.iter().map(|one| Layer::of([full, *one])).collect(),
            ..Layers::default()
        };
        let verdict = decide(request, &layers).verdict;
        assert_ne!(verdict, Verdict::Unknown, "everything is known here");
        verdict == Verdict::Allowed
    }
}

/// Whether a statement speaks of a request.
fn speaks(policy: &Policy, index: usize, kind: PolicyKind, request: &Request) -> bool {
    match_statement(&policy.statements[index], kind, policy.version, request).applies().is_true()
}

#[test]
fn what_is_left_of_a_grant_is_what_the_evaluator_leaves() {
    let full = document(
        vec![json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})],
        PolicyKind::Rcp,
    );
    let facts = [("aws:PrincipalArn", ROLE)];
    let mut random = Random(41);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for turn in 0..250 {
        let world = World::new(&mut random);
        let n = world.layers(9).len();
        let mut grant = LayeredGrant::new(&world.layers(n), &facts, Budget::default());
        for name in ACTIONS {
            let requests = requests(name);
            let any =
                |own: &Policy, n: usize| requests.iter().any(|request| world.allows(request, own, n, &full));
            let is_allow = |index: &usize| world.own.statements[*index].effect == Effect::Allow;
            let allows: Vec<usize> = (0..world.own.statements.len()).filter(is_allow).collect();
            let spoken = |index: usize| {
                requests.iter().any(|one| speaks(&world.own, index, PolicyKind::Identity, one))
            };
            let action: Action = name.parse().unwrap();
            let answer = grant.action(&action);
            let told = format!("world {turn}, {name}: {answer:?}\n{:#?}", world.own);
            match answer.effective {
                Effective::Granted => assert!(any(&world.own, n), "{told}"),
                Effective::NotGranted => assert!(!allows.iter().any(|index| spoken(*index)), "{told}"),
                Effective::Blocked { layer } => {
                    assert!(!any(&world.own, layer + 1), "{told}");
                    assert!(allows.iter().any(|index| spoken(*index)), "{told}");
                    assert!(layer == 0 || any(&world.own, layer), "an earlier layer takes all: {told}");
                }
                Effective::Unknown => panic!("nothing is disputed here: {told}"),
            }
            *seen
                .entry(match answer.effective {
                    Effective::Granted => "granted",
                    Effective::NotGranted => "not granted",
                    _ => "blocked",
                })
                .or_default() += 1;
            // Statement by statement, with the role's own denies.
            let left: Vec<usize> = answer.left.iter().map(|left| left.statement.1).collect();
            let expected: Vec<usize> = allows.iter().copied().filter(|index| spoken(*index)).collect();
            assert_eq!(left, expected, "{told}");
            for left in &answer.left {
                let mut alone = world.own.clone();
                let mut index = 0;
                alone.statements.retain(|statement| {
                    let keep = statement.effect == Effect::Deny || index == left.statement.1;
                    index += 1;
                    keep
                });
                assert_eq!(left.is_open, any(&alone, n), "{told}");
                // A deny is named just where it hits something the statement allows.
                let boundary = usize::from(world.boundary.is_some());
                let mut cuts: Vec<(usize, usize)> = Vec::new();
                let own = std::iter::once((0, &world.own, PolicyKind::Identity));
                let limit = world.boundary.iter().map(|one| (1, one, PolicyKind::Boundary));
                let levels = world.levels.iter().enumerate();
                let levels = levels.map(|(at, one)| (1 + boundary + at, one, PolicyKind::Scp));
                let rcp = world.rcp.iter().map(|one| (n - 1, one, PolicyKind::Rcp));
                for (layer, policy, kind) in own.chain(limit).chain(levels).chain(rcp) {
                    for (index, statement) in policy.statements.iter().enumerate() {
                        let hits = |request: &&Request| {
                            let RequestResource::Arn(arn) = &request.resource else { panic!() };
                            let bound = kind != PolicyKind::Rcp
                                || arn.split(':').nth(4) == Some(OWN) && is_reached(&action);
                            bound
                                && speaks(&world.own, left.statement.1, PolicyKind::Identity, request)
                                && speaks(policy, index, kind, request)
                        };
                        if statement.effect == Effect::Deny && requests.iter().any(|one| hits(&one)) {
                            cuts.push((layer, index));
                        }
                    }
                }
                let named: Vec<(usize, usize)> =
                    left.cuts.iter().filter_map(|cut| Some((cut.layer, cut.statement?.1))).collect();
                assert_eq!(named, cuts, "{told}");
            }
        }
    }
    eprintln!("worlds of layers: {seen:?}");
    assert!(seen["granted"] > 300 && seen["blocked"] > 300 && seen["not granted"] > 100, "{seen:?}");
}
