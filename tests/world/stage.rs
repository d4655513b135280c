//! Where calls become records: issuing credentials, making calls, and the copies other accounts get.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Value, json};

use super::calls::{self, Call};
use super::cast::{Cast, Cluster, GITHUB};
use super::clock::{HOUR, iso};
use super::random::Rng;
use super::record::{self, Caller, Scene};
use super::truth::{Entry, Grade, Outcome, Session};

/// One record on its way to a bucket.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) time: i64,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) text: String,
    pub(crate) entry: Entry,
}

/// How an issuance reaches the logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Logged {
    Yes,
    /// Before the first object: only the uses are seen.
    TooEarly,
}

/// The stage of one day.
pub(crate) struct Stage<'a> {
    pub(crate) cast: &'a Cast,
    pub(crate) records: Vec<Record>,
    /// For ids and addresses.
    rng: Rng,
}

/// The client of an issuance: the session name it chooses, and its `userAgent`.
pub(crate) type Client<'a> = (&'a str, &'a str);

/// A subject of a web identity provider.
pub(crate) struct Subject<'a> {
    /// Provider ARN, or the bare host of a built-in provider.
    pub(crate) provider: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) sub: &'a str,
    pub(crate) workload: String,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(cast: &'a Cast, rng: Rng) -> Self {
        Self { cast, records: Vec::new(), rng }
    }

    fn put(&mut self, time: i64, account: &str, region: &str, record: &Value, entry: Entry) {
        let (account, region) = (account.to_owned(), region.to_owned());
        self.records.push(Record { time, account, region, text: record.to_string(), entry });
    }

    /// A record that is no principal's call.
    pub(crate) fn note(&mut self, time: i64, account: &str, region: &str, record: &Value) {
        self.put(time, account, region, record, Entry::Other);
    }

    pub(crate) fn malformed(&mut self, time: i64, account: &str, region: &str, record: &Value) {
        self.put(time, account, region, record, Entry::Malformed);
    }

    /// A call in the Region where it is served. Data events reach the logs of the application account only.
    pub(crate) fn call(&mut self, session: &Rc<Session>, call: Call, time: i64, region: &str) {
        if call.is_data && session.account != self.cast.accounts[0] {
            return;
        }
        let host = record::host(call.source, region);
        let key = self.rng.aws_id("ASIA");
        let caller = session.caller(call.on_behalf.map(|service| (service, key.as_str())), host);
        let scene = Scene { time, region, account: &session.account, shared: None };
        let value = record::api_call(&caller, &call, &scene, &mut self.rng);
        let entry = Entry::Call { session: Rc::clone(session), needs: call.needs, outcome: call.outcome };
        self.put(time, &session.account, region, &value, entry);
    }

    /// A fresh session of a role; the caller of this function records (or does not record) the issuance.
    fn session(&mut self, role: &str, name: &str, time: i64) -> Session {
        let role = self.cast.role(role);
        Session {
            principal: role.arn.clone(),
            account: role.account.clone(),
            role_name: role.name.clone(),
            principal_id: role.id.clone(),
            session_name: name.to_owned(),
            key: self.rng.aws_id("ASIA"),
            created: time,
            provider: None,
            is_instance: false,
            scope: None,
            invoked_by: None,
            agent: "aws-sdk-go-v2/1.39.0 os/linux lang/go#1.25.1 md/GOOS#linux md/GOARCH#arm64".to_owned(),
            address: format!("198.51.100.{}", self.rng.range(2, 250)),
            is_console: false,
            workload: None,
            grade: Grade::Exact,
            via: Vec::new(),
            counted: Cell::new(false),
        }
    }

    fn assumed(session: &Session, expires: i64) -> Value {
        json!({"credentials": record::credentials(&session.key, expires),
            "assumedRoleUser": {"assumedRoleId": format!("{}:{}", session.principal_id, session.session_name),
                "arn": session.arn()}})
    }

    fn role_resource(session: &Session) -> Value {
        json!({"accountId": session.account, "type": "AWS::IAM::Role", "ARN": session.principal})
    }

    fn issuance(name: &'static str, params: Value, response: Value, resources: Value) -> Call {
        let mut call = calls::assume_role("", "", &[]);
        call.name = name;
        call.params = params;
        call.response = response;
        call.resources = resources;
        call
    }

    /// `AssumeRoleWithWebIdentity`. `endpoint` is the Region of the STS endpoint; `us-east-1` with the global host for clients
    /// that still use the legacy global endpoint.
    pub(crate) fn web_identity(
        &mut self,
        role: &str,
        subject: &Subject<'_>,
        (name, agent): Client<'_>,
        endpoint: (&str, &str),
        time: i64,
        logged: Logged,
    ) -> Rc<Session> {
        let mut session = self.session(role, name, time);
        session.provider = Some(subject.provider.to_owned());
        agent.clone_into(&mut session.agent);
        session.workload = Some(subject.workload.clone());
        if logged == Logged::Yes {
            let params =
                json!({"roleArn": session.principal, "roleSessionName": name, "durationSeconds": 3600});
            let mut response = json!({"subjectFromWebIdentityToken": subject.sub});
            merge(&mut response, Self::assumed(&session, time + HOUR));
            response["provider"] = json!(subject.provider);
            response["audience"] = json!(subject.audience);
            let call = Self::issuance(
                "AssumeRoleWithWebIdentity",
                params,
                response,
                json!([Self::role_resource(&session)]),
            );
            self.web_identity_record(&session, subject, &call, endpoint, time);
        } else {
            session.grade = Grade::Inferred;
        }
        Rc::new(session)
    }

    fn web_identity_record(
        &mut self,
        session: &Session,
        subject: &Subject<'_>,
        call: &Call,
        (region, host): (&str, &str),
        time: i64,
    ) {
        let Subject { provider, audience, sub, .. } = subject;
        let caller = Caller {
            identity: json!({"type": "WebIdentityUser", "principalId": format!("{provider}:{audience}:{sub}"),
                "userName": sub, "identityProvider": provider}),
            address: session.address.clone(),
            agent: session.agent.clone(),
            is_console: false,
            host: Some(host.to_owned()),
        };
        let scene = Scene { time, region, account: &session.account, shared: None };
        let value = record::api_call(&caller, call, &scene, &mut self.rng);
        self.put(time, &session.account, region, &value, Entry::Other);
    }

    /// Refused by the trust policy: CloudTrail keeps who asked for what, and says nothing of use in the message.
    pub(crate) fn web_identity_refused(
        &mut self,
        role: &str,
        subject: &Subject<'_>,
        endpoint: (&str, &str),
        time: i64,
    ) {
        let name = self.rng.digits(19);
        let session = self.session(role, &name, time);
        let params = json!({"roleArn": session.principal, "roleSessionName": session.session_name});
        let resources = json!([Self::role_resource(&session)]);
        let call = Self::issuance("AssumeRoleWithWebIdentity", params, Value::Null, resources)
            .failing("AccessDenied", "An unknown error occurred");
        self.web_identity_record(&session, subject, &call, endpoint, time);
    }

    /// IRSA through the Region's own STS endpoint.
    pub(crate) fn irsa(
        &mut self,
        role: &str,
        cluster: &Cluster,
        (namespace, account): (&str, &str),
        client: Client<'_>,
        time: i64,
    ) -> Rc<Session> {
        let region = if cluster.region == "us-east-2" { &self.cast.regions[1] } else { &cluster.region };
        let host = format!("sts.{region}.amazonaws.com");
        let subject = kubernetes(cluster, namespace, account);
        let endpoint = (region.as_str(), host.as_str());
        self.web_identity(role, &subject.borrow(), client, endpoint, time, Logged::Yes)
    }

    /// Credentials AWS itself fetches for a service (EC2, ECS, Lambda, CloudFormation, EKS Pod Identity).
    pub(crate) fn service_role(
        &mut self,
        role: &str,
        service: &'static str,
        name: &str,
        more: Value,
        hours: i64,
        (time, region): (i64, &str),
    ) -> Session {
        let session = self.session(role, name, time);
        let mut params = json!({"roleArn": session.principal, "roleSessionName": name});
        merge(&mut params, more);
        let expires = time + hours * HOUR;
        // EC2's and Lambda's issuances leave `assumedRoleUser` out.
        let response = if matches!(service, "ec2.amazonaws.com" | "lambda.amazonaws.com") {
            json!({"credentials": record::credentials(&session.key, expires)})
        } else {
            Self::assumed(&session, expires)
        };
        let call = Self::issuance("AssumeRole", params, response, json!([Self::role_resource(&session)]));
        let shared = self.rng.uuid();
        let scene = Scene { time, region, account: &session.account, shared: Some(&shared) };
        let value = record::api_call(&record::service(service), &call, &scene, &mut self.rng);
        self.put(time, &session.account, region, &value, Entry::Other);
        session
    }

    /// Role chaining, or a user assuming a role. A role of another account sees a copy of the call.
    pub(crate) fn chain(
        &mut self,
        parent: &Rc<Session>,
        role: &str,
        name: &str,
        tags: &[(&str, &str)],
        time: i64,
        region: &str,
    ) -> Rc<Session> {
        let mut session = self.session(role, name, time);
        session.agent.clone_from(&parent.agent);
        session.address.clone_from(&parent.address);
        session.workload.clone_from(&parent.workload);
        session.grade = parent.grade;
        session.via.clone_from(&parent.via);
        if parent.is_role() {
            session.via.push(parent.principal.clone());
        }
        let mut call = calls::assume_role(&session.principal, name, tags);
        call.response = Self::assumed(&session, time + HOUR);
        call.resources = json!([Self::role_resource(&session)]);
        let shared = (session.account != parent.account).then(|| self.rng.uuid());
        let caller = parent.caller(None, record::host("sts", region));
        let scene = Scene { time, region, account: &parent.account, shared: shared.as_deref() };
        let value = record::api_call(&caller, &call, &scene, &mut self.rng);
        if shared.is_some() {
            let copy = Caller {
                identity: json!({"type": "AWSAccount", "principalId":
                    format!("{}:{}", parent.principal_id, parent.session_name), "accountId": parent.account}),
                address: caller.address,
                agent: caller.agent,
                is_console: false,
                host: caller.host,
            };
            let scene = Scene { account: &session.account, ..scene };
            let value = record::api_call(&copy, &call, &scene, &mut self.rng);
            self.put(time, &session.account, region, &value, Entry::Copy);
        }
        let session_of = Rc::clone(parent);
        let entry = Entry::Call { session: session_of, needs: call.needs, outcome: call.outcome };
        self.put(time, &parent.account, region, &value, entry);
        Rc::new(session)
    }

    /// `AssumeRoleWithSAML`. Identity Center's later calls carry another key than the one issued here.
    pub(crate) fn saml(
        &mut self,
        role: &str,
        provider: &str,
        person: &str,
        workload: String,
        time: i64,
        region: &str,
    ) -> Rc<Session> {
        let mut session = self.session(role, person, time);
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
            .clone_into(&mut session.agent);
        session.workload = Some(workload);
        session.is_console = true;
        let is_identity_center = provider.starts_with("AWSSSO_");
        let provider_arn = format!("arn:aws:iam::{}:saml-provider/{provider}", session.account);
        let params = json!({"sAMLAssertionID": format!("_{}", self.rng.uuid()), "roleSessionName": person,
            "durationSeconds": 3600, "roleArn": session.principal, "principalArn": provider_arn});
        let qualifier = format!("{}=", self.rng.base36(27));
        let mut response = json!({"subjectType": "persistent", "issuer": format!("https://idp.{provider}.example/saml"),
            "nameQualifier": qualifier, "subject": person, "audience": "https://signin.aws.amazon.com/saml"});
        merge(&mut response, Self::assumed(&session, time + HOUR));
        let resources = json!([Self::role_resource(&session),
            {"accountId": session.account, "type": "AWS::IAM::SAMLProvider", "ARN": provider_arn}]);
        let call = Self::issuance("AssumeRoleWithSAML", params, response, resources);
        let caller = Caller {
            identity: json!({"type": "SAMLUser", "principalId": format!("{qualifier}:{person}"), "userName": person,
                "identityProvider": qualifier}),
            address: session.address.clone(),
            agent: "aws-internal/3".to_owned(),
            is_console: false,
            host: Some(record::host("sts", region)),
        };
        let scene = Scene { time, region, account: &session.account, shared: None };
        let value = record::api_call(&caller, &call, &scene, &mut self.rng);
        self.put(time, &session.account.clone(), region, &value, Entry::Other);
        if is_identity_center {
            session.key = self.rng.aws_id("ASIA");
            session.grade = Grade::Session;
        }
        Rc::new(session)
    }

    /// A session nothing in the logs explains: a role many subjects may assume, issued before the first object.
    pub(crate) fn unexplained(&mut self, role: &str, provider: String, name: &str, time: i64) -> Rc<Session> {
        let mut session = self.session(role, name, time);
        session.provider = Some(provider);
        session.grade = Grade::Unknown;
        Rc::new(session)
    }

    /// A Lambda function's session of which no issuance was delivered: the record itself says which function it belongs to.
    pub(crate) fn in_scope(&mut self, role: &str, function: &str, arn: String, time: i64) -> Rc<Session> {
        let mut session = self.session(role, function, time);
        session.scope = Some(("AWS::Lambda::Function", arn));
        session.workload = Some(format!("lambda:{function}"));
        session.grade = Grade::Session;
        Rc::new(session)
    }

    /// AWS's own session of a service-linked role: no key, and no workload's doing.
    pub(crate) fn service_linked(&mut self, call: &Call, time: i64, region: &str) {
        let session = self.session("slr-eks", "AmazonEKS", time);
        let mut identity = session.identity(Some(("eks.amazonaws.com", "")));
        if let Some(members) = identity.as_object_mut() {
            members.shift_remove("accessKeyId");
        }
        let caller = Caller { identity, ..record::service("eks.amazonaws.com") };
        let scene = Scene { time, region, account: &session.account, shared: None };
        let value = record::api_call(&caller, call, &scene, &mut self.rng);
        self.note(time, &session.account, region, &value);
    }

    /// The long-lived credentials of the IAM user.
    pub(crate) fn user(&self, created: i64) -> Rc<Session> {
        let arn = self.cast.user_arn();
        let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        Rc::new(Session {
            principal: arn.clone(),
            account: self.cast.accounts[0].clone(),
            role_name: String::new(),
            principal_id: self.cast.user_id.clone(),
            session_name: name,
            key: self.cast.user_key.clone(),
            created,
            provider: None,
            is_instance: false,
            scope: None,
            invoked_by: None,
            agent: "aws-cli/1.22.34 Python/3.8.10 Linux/5.4.0 botocore/1.23.34".to_owned(),
            address: "203.0.113.77".to_owned(),
            is_console: false,
            workload: Some(format!("iam-user:{arn}")),
            grade: Grade::Exact,
            via: Vec::new(),
            counted: Cell::new(false),
        })
    }

    /// The root user of an account, at the console.
    pub(crate) fn root(&mut self, account: usize, time: i64) -> Rc<Session> {
        let account = self.cast.accounts[account].clone();
        Rc::new(Session {
            principal: format!("arn:aws:iam::{account}:root"),
            principal_id: account.clone(),
            role_name: String::new(),
            session_name: "root".to_owned(),
            key: self.rng.aws_id("ASIA"),
            created: time,
            provider: None,
            is_instance: false,
            scope: None,
            invoked_by: None,
            agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15"
                .to_owned(),
            address: "203.0.113.9".to_owned(),
            is_console: true,
            workload: Some(format!("root:{account}")),
            account,
            grade: Grade::Exact,
            via: Vec::new(),
            counted: Cell::new(false),
        })
    }

    /// A sign-in to the console: the session's doing, though it needs no permission.
    pub(crate) fn sign_in(&mut self, session: &Rc<Session>, time: i64) {
        let mut identity = session.identity(None);
        if let Some(members) = identity.as_object_mut() {
            members.shift_remove("accessKeyId");
        }
        let record = json!({"eventVersion": "1.11", "userIdentity": identity, "eventTime": iso(time),
            "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "awsRegion": "us-east-1",
            "sourceIPAddress": session.address, "userAgent": session.agent, "requestParameters": null,
            "responseElements": {"ConsoleLogin": "Success"},
            "additionalEventData": {"MobileVersion": "No", "MFAUsed": "Yes"}, "eventID": self.rng.uuid(), "readOnly": false,
            "eventType": "AwsConsoleSignIn", "managementEvent": true, "recipientAccountId": session.account,
            "eventCategory": "Management"});
        let caller = Rc::clone(session);
        let entry = Entry::Call { session: caller, needs: Vec::new(), outcome: Outcome::Used };
        self.put(time, &session.account, "us-east-1", &record, entry);
    }
}

/// A ServiceAccount as a web identity subject.
pub(crate) struct ServiceAccount {
    provider: String,
    sub: String,
    workload: String,
}

impl ServiceAccount {
    pub(crate) fn borrow(&self) -> Subject<'_> {
        Subject {
            provider: &self.provider,
            audience: "sts.amazonaws.com",
            sub: &self.sub,
            workload: self.workload.clone(),
        }
    }
}

pub(crate) fn kubernetes(cluster: &Cluster, namespace: &str, account: &str) -> ServiceAccount {
    ServiceAccount {
        provider: cluster.provider(),
        sub: format!("system:serviceaccount:{namespace}:{account}"),
        workload: format!("kubernetes:{}/{namespace}/{account}", cluster.issuer),
    }
}

/// The provider of GitHub Actions in an account.
pub(crate) fn github_provider(account: &str) -> String {
    format!("arn:aws:iam::{account}:oidc-provider/{GITHUB}")
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}
