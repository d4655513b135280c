//! How long it takes to compare, propose for and prove many roles with wide grants.
//!
//! ```text
//! cargo bench --bench rightsize                        # 1,000 roles
//! cargo bench --bench rightsize -- --roles 100
//! cargo bench --bench rightsize -- --snapshot FILE     # the roles of an account, each using a tenth of what it is granted
//! ```
//!
//! The made roles are of five kinds, a fifth each: everything; everything but IAM and Organizations; thirty services by wildcard; every
//! action of forty services by name; everything with denies, under a boundary. Each used sixty actions of its grant on ten
//! resources. What the logs could not have shown is dropped for one run and kept for the other, which keeps thousands of actions and has
//! to press them into IAM's quotas.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement fails by panicking and prints its result"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use leastwise::attribution::{PrincipalAccess, Use};
use leastwise::catalog::{Catalog, Evidence, Resource};
use leastwise::ident::Time;
use leastwise::inventory::{self, Attached, AttachedKind, Origin, Role};
use leastwise::policy::{ActionElement, Effect, Policy, PolicyKind, parse};
use leastwise::proof::Verdict;
use leastwise::rightsize::{
    Coverage, Losses, ProposalVerdict, ResourceLevel, RightSized, RightSizer, Settings, Subject, Unobservable,
};
use leastwise::usage::{Observation, RegionObservation};
use rayon::prelude::*;

const THREADS: usize = 2;
const ACCOUNT: &str = "111122223333";
/// Uses of one role.
const USED: usize = 60;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut n_roles, mut snapshot) = (1_000, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--roles" => n_roles = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(n_roles),
            "--snapshot" => snapshot = arguments.next(),
            _ => {}
        }
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build().unwrap();
    let roles: Vec<Role> = match &snapshot {
        Some(file) => inventory::read(&[file.into()], &[]).unwrap().roles().cloned().collect(),
        None => (0..n_roles).map(made).collect(),
    };
    let mut cases: Vec<(Role, PrincipalAccess)> = Vec::new();
    for (n, role) in roles.into_iter().enumerate() {
        let access = used(&role, n);
        cases.push((role, access));
    }
    let n_uses: usize = cases.iter().map(|(_, access)| access.uses.len()).sum();
    println!("{} roles, {n_uses} uses, {THREADS} threads", cases.len());
    for unobservable in [Unobservable::Drop, Unobservable::Keep] {
        let settings = Settings { unobservable, resources: ResourceLevel::Prefix, ..Settings::default() };
        let start = Instant::now();
        let sizer = RightSizer::new(Catalog::embedded(), settings);
        let results: Vec<(Duration, RightSized)> = pool.install(|| {
            let one = |(role, access): &(Role, PrincipalAccess)| {
                let (losses, observation) = (Losses::default(), observation(&role.account));
                let coverage = Coverage::new(&observation, &losses, &settings);
                let subject = Subject {
                    arn: &role.arn,
                    role: Some(role),
                    access: (!access.uses.is_empty()).then_some(access),
                    ..Subject::default()
                };
                let start = Instant::now();
                let result = sizer.right_size(&subject, &coverage);
                (start.elapsed(), result)
            };
            cases.par_iter().map(one).collect()
        });
        let whole = start.elapsed();
        let mut times: Vec<Duration> = results.iter().map(|(time, _)| *time).collect();
        times.sort_unstable();
        let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut proven, mut lost, mut granted, mut after) = (0, 0, 0, 0);
        for (_, result) in &results {
            *verdicts.entry(result.proposal.verdict.as_str()).or_default() += 1;
            if result.proposal.verdict == ProposalVerdict::Replace {
                proven += usize::from(result.proposal.proof.verdict == Verdict::Proven);
                lost += result.proposal.replay.lost.len();
            }
            granted += result.privilege.granted_actions;
            after += result
                .privilege
                .after
                .as_ref()
                .map_or(result.privilege.granted_actions, |power| power.actions);
        }
        println!(
            "{unobservable:?}: {:.1} s; a role {:?} at the median, {:?} at most; {verdicts:?}, {proven} proven, {lost} requests lost; granted actions {granted} -> {after}",
            whole.as_secs_f64(),
            times[times.len() / 2],
            times[times.len() - 1],
        );
    }
}

/// Ten days with events in every hour.
fn observation(account: &str) -> Observation {
    let start = "2026-01-01".parse::<Time>().unwrap().unix() / 3_600;
    let hours: BTreeSet<i64> = (start..start + 240).collect();
    let span = Some((Time::from_unix(start * 3_600), Time::from_unix((start + 240) * 3_600 - 1)));
    let accounts = || BTreeSet::from([account.into()]);
    Observation {
        regions: [(account.into(), [("eu-west-1".into(), RegionObservation { span, hours })].into())].into(),
        data_events: BTreeMap::new(),
        data_types: [(account.into(), ["AWS::S3::Object".into()].into())].into(),
        management_reads: accounts(),
        management_writes: accounts(),
        kms: accounts(),
        span,
    }
}

fn identity(statements: &str) -> Policy {
    parse(&format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#), PolicyKind::Identity).unwrap()
}

fn attached(name: &str, document: Policy) -> Attached {
    Attached {
        name: name.to_owned(),
        arn: None,
        kind: AttachedKind::Inline,
        via_group: None,
        document: Some(document),
        origin: Origin::default(),
    }
}

/// One of the five kinds of roles.
fn made(n: usize) -> Role {
    let catalog = Catalog::embedded();
    let services: Vec<&str> = catalog.services().collect();
    let some = |count: usize| {
        // Far apart and different for each role.
        (0..count).map(|at| services[(n * 7 + at * 11) % services.len()]).collect::<BTreeSet<_>>()
    };
    let list =
        |texts: Vec<String>| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(",");
    let allow = |actions: String| format!(r#"[{{"Effect":"Allow","Action":[{actions}],"Resource":"*"}}]"#);
    let statements = match n % 5 {
        0 => allow(r#""*""#.to_owned()),
        1 => r#"[{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"},
            {"Effect":"Allow","Action":["iam:ListRoles","organizations:DescribeOrganization"],"Resource":"*"}]"#
            .to_owned(),
        2 => allow(list(some(30).into_iter().map(|service| format!("{service}:*")).collect())),
        3 => {
            let patterns = some(40).into_iter().map(|service| format!("{service}:*"));
            let ids = patterns.flat_map(|pattern| catalog.expand(&pattern));
            allow(list(ids.filter_map(|id| Some(catalog.info(id)?.action().to_string())).collect()))
        }
        _ => r#"[{"Effect":"Allow","Action":"*","Resource":"*"},
            {"Effect":"Deny","Action":["iam:*","organizations:*"],"Resource":"*","Condition":{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/break-glass-*"}}},
            {"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","us-east-1"]}}}]"#
            .to_owned(),
    };
    let boundary = (n % 5 == 4).then(|| {
        attached("boundary", identity(r#"[{"Effect":"Allow","NotAction":"organizations:*","Resource":"*"}]"#))
    });
    Role {
        arn: format!("arn:aws:iam::{ACCOUNT}:role/role-{n}"),
        name: format!("role-{n}"),
        path: "/".to_owned(),
        id: "AROAEXAMPLE".to_owned(),
        account: ACCOUNT.to_owned(),
        trust: None,
        policies: vec![attached("policy", identity(&statements))],
        boundary,
        last_used: None,
        created: None,
        max_session: None,
        tags: Vec::new(),
        instance_profiles: Vec::new(),
        origin: Origin::default(),
    }
}

/// What a role did: actions spread over its grant.
fn used(role: &Role, n: usize) -> PrincipalAccess {
    let catalog = Catalog::embedded();
    let mut granted = BTreeSet::new();
    for statement in
        role.policies.iter().filter_map(|one| one.document.as_ref()).flat_map(|one| &one.statements)
    {
        match (&statement.action, statement.effect) {
            (ActionElement::Only(patterns), Effect::Allow) => {
                granted.extend(patterns.iter().flat_map(|pattern| catalog.expand(pattern)));
            }
            (ActionElement::Except(_), Effect::Allow) => granted.extend(catalog.all()),
            (_, Effect::Deny) => {}
        }
    }
    let granted: Vec<_> = granted.into_iter().collect();
    let count = USED.min(granted.len().div_ceil(10));
    let mut uses = BTreeMap::new();
    for at in 0..count {
        // Spread over the whole list, differently for each role.
        let id = granted[(at * granted.len() / count.max(1) + n * 13) % granted.len()];
        let info = catalog.info(id).unwrap();
        let format = info.resource_types().flat_map(|kind| kind.kind.formats.iter().copied()).next();
        let resource = match format {
            Some(format) => Resource::Arn(filled(format, &role.account, at % 10)),
            None => Resource::None,
        };
        let time = |day: usize| format!("2026-01-{day:02}T12:00:00Z").parse::<Time>().unwrap();
        let one = Use {
            action: info.action().clone(),
            resource: resource.clone(),
            evidence: Evidence::Observed,
            context: BTreeMap::new(),
            shown: BTreeMap::new(),
            calls: 1,
            first: time(1 + at % 10),
            last: time(10),
            workloads: BTreeSet::new(),
            via_services: BTreeSet::new(),
            sample: "00000000-0000-0000-0000-000000000001".into(),
            untraced: 0,
            regions: BTreeSet::from(["eu-west-1".to_owned()]),
        };
        uses.insert((one.action.clone(), format!("{resource:?}")), one);
    }
    PrincipalAccess {
        calls: uses.len() as u64,
        uses: uses.into_values().collect(),
        ..PrincipalAccess::default()
    }
}

/// An ARN of a format.
fn filled(format: &str, account: &str, number: usize) -> String {
    let mut arn = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        arn.push_str(before);
        arn.push_str(&match name {
            "Partition" => "aws".to_owned(),
            "Region" => "eu-west-1".to_owned(),
            "Account" => account.to_owned(),
            _ => format!("name-{number}"),
        });
        rest = tail;
    }
    arn + rest
}
