//! A large organization: as many roles as asked for in dozens of accounts, no two of them alike.
//!
//! The sample's play tells a story and keeps books; this one is for size. What a role is, what it is granted and what it does all follow
//! from the seed and the role's number: services of EKS, ECS and Lambda, instances, pipelines, people, roles that other roles take on, and
//! roles nobody uses any more; grants from the exact to all of AWS; one account in three records no data events.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::calls::Call;
use super::cast::GITHUB;
use super::clock::{self, DAY, HOUR, MINUTE};
use super::deliver::write_file;
use super::grants::{allow, document};
use super::palette::{KINDS, Kind, Made, PARTS, TEAMS};
use super::random::Rng;
use super::record::{self, Caller, Scene};
use super::truth::{Grade, Outcome, Session};
use super::write_json;

/// How many days the logs tell of.
const DAYS: u64 = 10;
/// About so many roles share an account.
const ROLES_OF_ACCOUNT: usize = 35;
const REGIONS: [&str; 4] = ["eu-west-1", "us-east-1", "ap-southeast-2", "eu-central-1"];

struct Account {
    id: String,
    region: &'static str,
    /// Of its EKS cluster.
    issuer: String,
    records_data: bool,
    roles: Vec<Value>,
    policies: Vec<Value>,
    /// By time.
    records: Vec<(i64, Value)>,
}

impl Account {
    fn oidc_provider(&self, host: &str) -> String {
        format!("arn:aws:iam::{}:oidc-provider/{host}", self.id)
    }

    /// Of Identity Center.
    fn saml_provider(&self) -> String {
        format!("arn:aws:iam::{}:saml-provider/AWSSSO_{}_DO_NOT_DELETE", self.id, &self.id[..8])
    }
}

/// Who a role is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum For {
    Kubernetes,
    Function,
    Task,
    Instance,
    Pipeline,
    Person,
    /// Another role of the organization.
    Role,
}

/// What a role works on.
struct Work {
    kind: &'static Kind,
    name: String,
    arn: String,
    used: Vec<&'static Made>,
}

/// A role of an account, as its snapshot has it.
struct Hired {
    who: For,
    at: usize,
    role: Value,
    name: String,
    team: &'static str,
    /// The role that takes this one on, and its id.
    caller: String,
    caller_id: String,
}

struct Organization {
    start: i64,
    rng: Rng,
    accounts: Vec<Account>,
}

/// Writes snapshots below `iam` and logs below `AWSLogs` of a folder.
/// Gives the number of records.
pub(crate) fn write(folder: &Path, seed: u64, n_roles: usize) -> io::Result<usize> {
    let mut organization = Organization::new(seed, n_roles);
    let mut names = BTreeSet::new();
    let mut callers = BTreeMap::new();
    for n in 0..n_roles {
        organization.hire(n, &mut names, &mut callers);
    }
    organization.deliver(folder)
}

impl Organization {
    fn new(seed: u64, n_roles: usize) -> Self {
        let rng = Rng::new(seed);
        let mut r = rng.fork("accounts", 0);
        let accounts = (0..n_roles.div_ceil(ROLES_OF_ACCOUNT).max(2)).map(|n| Account {
            id: format!("3{:03}{}", n, r.digits(8)),
            region: REGIONS[n % REGIONS.len()],
            issuer: format!(
                "oidc.eks.{}.amazonaws.com/id/{}",
                REGIONS[n % REGIONS.len()],
                r.text(b"0123456789ABCDEF", 32)
            ),
            records_data: n % 3 != 2,
            roles: Vec::new(),
            policies: Vec::new(),
            records: Vec::new(),
        });
        let accounts = accounts.collect();
        Self { start: clock::date(2026, 6, 1), rng, accounts }
    }

    /// One role with what it does; `callers` are the roles of Kubernetes services by account, which others may let in.
    fn hire(
        &mut self,
        n: usize,
        names: &mut BTreeSet<(usize, String)>,
        callers: &mut BTreeMap<usize, (String, String)>,
    ) {
        let mut r = self.rng.fork("role", n as u64);
        let at = n % self.accounts.len();
        let (team, part) = (r.word(TEAMS), r.word(PARTS));
        let mut name = format!("{team}-{part}");
        for more in [r.word(&["blue", "green", "v2", "v3", "batch", "edge"]).to_owned(), n.to_string()] {
            if names.contains(&(at, name.clone())) {
                name = format!("{name}-{more}");
            }
        }
        names.insert((at, name.clone()));
        let who = match r.below(20) {
            0..=6 => For::Kubernetes,
            7..=9 => For::Function,
            10 | 11 => For::Task,
            12 | 13 => For::Instance,
            14..=16 => For::Pipeline,
            17 => For::Person,
            _ if !callers.contains_key(&at) => For::Task,
            _ => For::Role,
        };
        let account = &self.accounts[at];
        let (id, region) = (account.id.clone(), account.region);
        let (path, role_name) = match who {
            For::Person => (
                format!("/aws-reserved/sso.amazonaws.com/{region}/"),
                format!("AWSReservedSSO_{name}_{}", r.hex(16)),
            ),
            For::Pipeline => ("/ci/".to_owned(), name.clone()),
            _ => ("/".to_owned(), name.clone()),
        };
        let arn = format!("arn:aws:iam::{id}:role{path}{role_name}");
        let works = works(&mut r, &name, account);
        let (caller, caller_id) = callers.get(&at).cloned().unwrap_or_default();
        let role_id = r.aws_id("AROA");
        if who == For::Kubernetes {
            callers.insert(at, (arn.clone(), role_id.clone()));
        }
        let trust = self.trust(who, at, (&name, team), &caller, &mut r);
        let created = clock::iso(clock::date(2024, 1, 1) + r.range(0, 700) * DAY).replace('Z', "+00:00");
        let mut role = json!({"Path": path, "RoleName": role_name, "RoleId": role_id, "Arn": arn, "CreateDate": created,
            "AssumeRolePolicyDocument": trust, "InstanceProfileList": [], "RolePolicyList": [], "AttachedManagedPolicies": [],
            "Tags": [{"Key": "team", "Value": team}], "RoleLastUsed": {}});
        self.grant(&mut role, at, &works, n, &mut r);
        let hired = Hired { who, at, role, name, team, caller, caller_id };
        if r.percent(86) {
            self.work(&hired, &works, &mut r);
        }
        self.accounts[at].roles.push(hired.role);
    }

    fn trust(&self, who: For, at: usize, (name, team): (&str, &str), caller: &str, r: &mut Rng) -> Value {
        let account = &self.accounts[at];
        let web = |host: &str, operator: &str, subject: String| {
            let provider = account.oidc_provider(host);
            let mut condition = json!({"StringEquals": {format!("{host}:aud"): "sts.amazonaws.com"}});
            condition[operator][format!("{host}:sub")] = json!(subject);
            json!({"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": condition})
        };
        let service = |service: &str| json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"});
        let mut statements = vec![match who {
            For::Kubernetes => {
                let of = |account: &str| format!("system:serviceaccount:{team}:{account}");
                match r.percent(15) {
                    true => web(&account.issuer, "StringLike", of("*")),
                    false => web(&account.issuer, "StringEquals", of(name)),
                }
            }
            For::Function => service("lambda.amazonaws.com"),
            For::Task => service("ecs-tasks.amazonaws.com"),
            For::Instance => service("ec2.amazonaws.com"),
            For::Pipeline => {
                let refs = r.word(&["ref:refs/heads/main", "*", "environment:production"]);
                web(GITHUB, "StringLike", format!("repo:{team}/{name}:{refs}"))
            }
            For::Person => json!({"Effect": "Allow", "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
                "Principal": {"Federated": account.saml_provider()},
                "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}}),
            For::Role => json!({"Effect": "Allow", "Principal": {"AWS": caller}, "Action": "sts:AssumeRole"}),
        }];
        if r.percent(6) {
            let other = &self.accounts[(at + 1) % self.accounts.len()].id;
            statements
                .push(json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{other}:root")},
                "Action": "sts:AssumeRole"}));
        }
        document(&statements)
    }

    /// Inline policies, managed policies and a boundary.
    fn grant(&mut self, role: &mut Value, at: usize, works: &[Work], n: usize, r: &mut Rng) {
        let mut statements: Vec<Value> = Vec::new();
        for work in works {
            let prefix = work.kind.prefix;
            let own = |actions: &[&str]| {
                actions.iter().map(|action| format!("{prefix}:{action}")).collect::<Vec<_>>()
            };
            let (on_one, on_all): (Vec<&Made>, Vec<&Made>) =
                work.used.iter().copied().partition(|(_, _, parameters)| !parameters.is_empty());
            let beside: Vec<&str> = work.kind.beside.iter().copied().filter(|_| r.percent(40)).collect();
            let used = |made: &[&Made]| made.iter().map(|(_, action, _)| *action).collect::<Vec<_>>();
            let statement = |actions: Vec<String>, resource: &str| json!({"Effect": "Allow", "Action": actions, "Resource": resource});
            let how = r.below(10);
            match how {
                0 => statements.push(statement(own(&["*"]), "*")),
                2 => statements
                    .push(statement(own(&[&used(&on_one)[..], &used(&on_all), &beside].concat()), "*")),
                _ => {
                    let actions = if how == 1 { vec!["*"] } else { [&used(&on_one)[..], &beside].concat() };
                    statements.push(statement(own(&actions), &work.arn));
                    if !on_all.is_empty() {
                        statements.push(statement(own(&used(&on_all)), "*"));
                    }
                }
            }
        }
        statements.retain(|statement| statement["Action"] != json!([]));
        if n % 200 == 77 {
            statements.push(json!({"Sid": "PowerUser", "Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"],
                "Resource": "*"}));
        }
        if r.percent(8) {
            statements.push(json!({"Sid": "NoDeletes", "Effect": "Deny", "Action": ["s3:DeleteBucket", "rds:DeleteDBInstance",
                "dynamodb:DeleteTable"], "Resource": "*"}));
        }
        // Half of the roles have one policy, the others spread their statements over several.
        let n_policies = 1 + r.below(2) as usize * r.below(3) as usize;
        let size = statements.len().div_ceil(n_policies).max(1);
        let policies = statements.chunks(size).enumerate().map(|(n, some)| {
            json!({"PolicyName": if n == 0 { "own".to_owned() } else { format!("own-{n}") }, "PolicyDocument": document(some)})
        });
        role["RolePolicyList"] = policies.collect();
        let attached = |arn: &str| json!({"PolicyName": arn.rsplit('/').next(), "PolicyArn": arn});
        if r.percent(35) {
            let kind = r.word(&["base", "observability", "network"]);
            role["AttachedManagedPolicies"] = json!([attached(&self.shared(at, kind))]);
        }
        if r.percent(12) {
            let arn = self.shared(at, "boundary");
            role["PermissionsBoundary"] =
                json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn});
        }
    }

    /// A managed policy that roles of an account share.
    fn shared(&mut self, at: usize, name: &str) -> String {
        let account = &mut self.accounts[at];
        let arn = format!("arn:aws:iam::{}:policy/{name}", account.id);
        if !account.policies.iter().any(|policy| policy["Arn"] == arn) {
            let logs = format!("arn:aws:logs:{}:{}:*", account.region, account.id);
            let statements = match name {
                "base" => vec![
                    allow(&["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], &[&logs]),
                    allow(&["xray:PutTraceSegments", "xray:PutTelemetryRecords"], &["*"]),
                ],
                "observability" => {
                    vec![allow(&["cloudwatch:Get*", "cloudwatch:List*", "logs:Describe*"], &["*"])]
                }
                "network" => vec![allow(&["ec2:Describe*", "elasticloadbalancing:Describe*"], &["*"])],
                _ => vec![
                    json!({"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "kms:*"], "Resource": "*"}),
                    allow(&["kms:Decrypt", "kms:GenerateDataKey"], &["*"]),
                ],
            };
            let created = "2024-02-01T00:00:00+00:00";
            account.policies.push(json!({"PolicyName": name, "PolicyId": format!("ANPA{name:0<10.10}EXAMPLE").to_uppercase(),
                "Arn": arn, "Path": "/", "DefaultVersionId": "v1", "AttachmentCount": 1, "PermissionsBoundaryUsageCount": 0,
                "IsAttachable": true, "CreateDate": created, "UpdateDate": created,
                "PolicyVersionList": [{"Document": document(&statements), "VersionId": "v1", "IsDefaultVersion": true,
                    "CreateDate": created}]}));
        }
        arn
    }

    /// Some days of work: who takes the role on, and its calls.
    fn work(&mut self, hired: &Hired, works: &[Work], r: &mut Rng) {
        let Hired { at, name, .. } = hired;
        let is_shared = hired.role["AssumeRolePolicyDocument"].to_string().contains("StringLike");
        let subjects = if is_shared && hired.who == For::Kubernetes { 1 + r.below(3) } else { 1 };
        for day in 0..DAYS {
            if day > 0 && !r.percent(35) {
                continue;
            }
            for subject in 0..subjects {
                let time = self.start + day as i64 * DAY + r.range(0, 23 * 60) * MINUTE;
                let subject = if subject == 0 { name.clone() } else { format!("{name}-{subject}") };
                let session = self.take_on(hired, &subject, time, r);
                let mut later = time;
                for work in works {
                    for made in &work.used {
                        later += r.range(1, 300);
                        self.call(&session, *at, (work, made), later, None, r);
                    }
                }
                if r.percent(3) {
                    let kind = r.pick(KINDS);
                    let arn = filled(kind.arn, name, &self.accounts[*at], r);
                    let work = Work { kind, name: name.clone(), arn, used: Vec::new() };
                    if works.iter().all(|own| own.kind.prefix != kind.prefix) {
                        let made = r.pick(kind.calls);
                        self.call(&session, *at, (&work, made), later + 5, Some("AccessDenied"), r);
                    }
                }
            }
        }
    }

    /// The record of an issuance, and the session it begins.
    fn take_on(&mut self, hired: &Hired, subject: &str, time: i64, r: &mut Rng) -> Session {
        let Hired { who, at, role, team, caller, .. } = hired;
        let (who, at) = (*who, *at);
        let account = &self.accounts[at];
        let (id, region) = (account.id.clone(), account.region);
        let text = |name: &str| role[name].as_str().unwrap_or_default().to_owned();
        let session_name = match who {
            For::Kubernetes => format!("eks-{subject:.20}-{}", r.uuid()),
            For::Function | For::Role => subject.to_owned(),
            For::Task => r.hex(32),
            For::Instance => format!("i-{}", r.hex(17)),
            For::Pipeline => "GitHubActions".to_owned(),
            For::Person => {
                format!("{}@example.com", r.word(&["ana", "ben", "chi", "dev", "eve", "fay", "gil", "hao"]))
            }
        };
        let session = Session {
            principal: text("Arn"),
            account: id.clone(),
            role_name: text("RoleName"),
            principal_id: text("RoleId"),
            session_name: session_name.clone(),
            key: r.aws_id("ASIA"),
            created: time,
            provider: None,
            is_instance: who == For::Instance,
            scope: None,
            invoked_by: None,
            agent: "aws-sdk-go-v2/1.39.0 os/linux lang/go#1.25.1 md/GOOS#linux md/GOARCH#amd64".to_owned(),
            address: format!("198.51.100.{}", r.range(2, 250)),
            is_console: who == For::Person,
            workload: None,
            grade: Grade::Exact,
            via: Vec::new(),
            counted: Cell::new(false),
        };
        let federated = |name: &str, provider: &str, subject: String| {
            let identity = json!({"type": if name.ends_with("SAML") { "SAMLUser" } else { "WebIdentityUser" },
                "principalId": format!("{provider}:sts.amazonaws.com:{subject}"), "userName": subject, "identityProvider": provider});
            Caller {
                identity,
                address: session.address.clone(),
                agent: session.agent.clone(),
                is_console: false,
                host: Some(record::host("sts", region)),
            }
        };
        let mut response = json!({"credentials": record::credentials(&session.key, time + HOUR),
            "assumedRoleUser": {"assumedRoleId": format!("{}:{session_name}", session.principal_id), "arn": session.arn()}});
        let mut web = |host: &str, subject: String| {
            let provider = account.oidc_provider(host);
            response["provider"] = json!(provider);
            response["audience"] = json!("sts.amazonaws.com");
            response["subjectFromWebIdentityToken"] = json!(subject);
            ("AssumeRoleWithWebIdentity", federated("AssumeRoleWithWebIdentity", &provider, subject))
        };
        let (event, from) = match who {
            For::Kubernetes => web(&account.issuer, format!("system:serviceaccount:{team}:{subject}")),
            For::Pipeline => web(GITHUB, format!("repo:{team}/{subject}:ref:refs/heads/main")),
            For::Person => {
                let from = federated("AssumeRoleWithSAML", &account.saml_provider(), session_name.clone());
                ("AssumeRoleWithSAML", from)
            }
            For::Function => ("AssumeRole", record::service("lambda.amazonaws.com")),
            For::Task => ("AssumeRole", record::service("ecs-tasks.amazonaws.com")),
            For::Instance => ("AssumeRole", record::service("ec2.amazonaws.com")),
            For::Role => {
                // The other role's session began on a day before the logs.
                let (other, key) = (caller.rsplit('/').next().unwrap_or_default(), r.aws_id("ASIA"));
                let issuer = json!({"type": "Role", "arn": caller, "accountId": id, "userName": other, "principalId": hired.caller_id});
                let begun = json!({"creationDate": clock::iso(time - HOUR), "mfaAuthenticated": "false"});
                let identity = json!({"type": "AssumedRole", "principalId": format!("{}:worker", hired.caller_id),
                    "arn": format!("arn:aws:sts::{id}:assumed-role/{other}/worker"), "accountId": id, "accessKeyId": key,
                    "sessionContext": {"sessionIssuer": issuer, "attributes": begun}});
                let from = federated("AssumeRole", "", String::new());
                ("AssumeRole", Caller { identity, ..from })
            }
        };
        let call = Call {
            source: "sts",
            name: event,
            params: json!({"roleArn": session.principal, "roleSessionName": session_name, "durationSeconds": 3600}),
            response,
            extra: Value::Null,
            resources: json!([{"accountId": id, "type": "AWS::IAM::Role", "ARN": session.principal}]),
            is_data: false,
            read_only: true,
            error: None,
            on_behalf: None,
            needs: Vec::new(),
            outcome: Outcome::Used,
        };
        let scene = Scene { time, region, account: &id, shared: None };
        let value = record::api_call(&from, &call, &scene, r);
        self.accounts[at].records.push((time, value));
        session
    }

    fn call(
        &mut self,
        session: &Session,
        at: usize,
        (work, made): (&Work, &Made),
        time: i64,
        refused: Option<&'static str>,
        r: &mut Rng,
    ) {
        let account = &self.accounts[at];
        let (event, action, parameters) = *made;
        let is_data = work.kind.prefix == "s3";
        if is_data && !account.records_data {
            return;
        }
        let own = work.arn.rsplit(['/', ':']).next().unwrap_or_default();
        let params = match parameters {
            "" => Value::Null,
            text => {
                let text = text.replace("{u}", own).replace("{Z}", own).replace("{k}", &r.hex(4));
                serde_json::from_str(&filled(&text, &work.name, account, r)).unwrap()
            }
        };
        let touched = match (is_data, params["key"].as_str()) {
            (true, Some(key)) => format!("{}{key}", work.arn.trim_end_matches('*')),
            _ => work.arn.clone(),
        };
        let resources =
            work.kind.shown_as.map_or(Value::Null, |kind| json!([{"type": kind, "ARN": touched}]));
        let message = format!(
            "User: {} is not authorized to perform: {}:{action} on resource: {} because no identity-based policy allows the {}:{action} action",
            session.arn(),
            work.kind.prefix,
            if parameters.is_empty() { "*" } else { &touched },
            work.kind.prefix
        );
        let call = Call {
            source: work.kind.source,
            name: event,
            params,
            response: Value::Null,
            extra: Value::Null,
            resources,
            is_data,
            read_only: ["Get", "List", "Describe", "Batch", "Decrypt"]
                .iter()
                .any(|verb| event.starts_with(verb)),
            error: refused.map(|code| (code, message)),
            on_behalf: None,
            needs: Vec::new(),
            outcome: Outcome::Used,
        };
        let scene = Scene { time, region: account.region, account: &account.id, shared: None };
        let caller = session.caller(None, record::host(work.kind.source, account.region));
        let value = record::api_call(&caller, &call, &scene, r);
        self.accounts[at].records.push((time, value));
    }

    /// A snapshot for each account, and an object for each of its days.
    fn deliver(mut self, folder: &Path) -> io::Result<usize> {
        let mut n_records = 0;
        for account in &mut self.accounts {
            let (id, region) = (&account.id, account.region);
            let snapshot = json!({"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": account.roles, "Policies": account.policies});
            write_json(&folder.join(format!("iam/{id}.json")), &snapshot)?;
            n_records += account.records.len();
            account.records.sort_by_key(|(time, _)| *time);
            for some in account.records.chunk_by(|(a, _), (b, _)| a / DAY == b / DAY) {
                let time = some[0].0 / DAY * DAY;
                let path = format!(
                    "AWSLogs/{id}/CloudTrail/{region}/{}/{id}_CloudTrail_{region}_{}_{id}{}.json.gz",
                    clock::folder(time),
                    clock::compact(time),
                    clock::day(time).replace('-', "")
                );
                let records: Vec<&Value> = some.iter().map(|(_, record)| record).collect();
                let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
                gzip.write_all(json!({"Records": records}).to_string().as_bytes())?;
                write_file(&folder.join(path), &gzip.finish()?)?;
            }
        }
        Ok(n_records)
    }
}

/// One to nine things to work on, each of another kind.
fn works(r: &mut Rng, name: &str, account: &Account) -> Vec<Work> {
    let n = 1 + r.below(4) + r.below(2) * r.below(6);
    let first = r.below(KINDS.len() as u64) as usize;
    let works = (0..n as usize).map(|step| {
        // Steps of a prime meet every kind once.
        let kind = &KINDS[(first + step * 7) % KINDS.len()];
        let name = match r.percent(30) {
            true => format!("{name}-{}", r.word(&["main", "events", "state", "audit"])),
            false => name.to_owned(),
        };
        let arn = filled(kind.arn, &name, account, r);
        let used = kind.calls.iter().filter(|_| r.percent(60)).collect();
        Work { kind, name, arn, used }
    });
    works.collect()
}

fn filled(text: &str, name: &str, account: &Account, r: &mut Rng) -> String {
    let mut text = text.replace("{n}", name).replace("{a}", &account.id).replace("{r}", account.region);
    if text.contains("{u}") {
        text = text.replace("{u}", &r.uuid());
    }
    if text.contains("{Z}") {
        text = text.replace("{Z}", &format!("Z{}", r.base36(13)));
    }
    text
}
