//! Writes CloudTrail records in the shapes AWS documents and public logs show, one at a time, each by itself.

use serde_json::{Value, json};

/// The account most of the world lives in; its IAM is in the snapshot.
pub(super) const MAIN: &str = "111122223333";
/// Another account whose logs are here.
pub(super) const OTHER: &str = "444455556666";
/// An account nothing is known of.
pub(super) const FOREIGN: &str = "777788889999";

/// One set of credentials, as later records show it.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) identity: Value,
    /// Seconds after the world's first moment.
    begun: i64,
}

impl Session {
    /// The session with members of its identity replaced.
    pub(super) fn with(&self, more: Value) -> Self {
        let mut session = self.clone();
        merge(&mut session.identity, more);
        session
    }

    /// Without a member.
    pub(super) fn without(&self, member: &str) -> Self {
        let mut session = self.clone();
        session.identity.as_object_mut().unwrap().shift_remove(member);
        session
    }

    /// With members in its session context.
    pub(super) fn in_context(&self, more: Value) -> Self {
        let mut session = self.clone();
        merge(&mut session.identity["sessionContext"], more);
        session
    }

    fn text(&self, pointer: &str) -> &str {
        self.identity.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn principal_id(&self) -> String {
        self.text("/principalId").to_owned()
    }

    pub(super) fn role(&self) -> String {
        self.text("/sessionContext/sessionIssuer/arn").to_owned()
    }
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

/// The log in the making.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) records: Vec<Value>,
    now: i64,
    keys: u32,
}

pub(super) fn time(seconds: i64) -> String {
    leastwise::ident::Time::from_unix(1_772_323_200 + seconds).to_string()
}

/// `NAME` in the main account, `ACCOUNT:NAME`, or a whole ARN.
pub(super) fn role_arn(role: &str) -> String {
    match role.split_once(':') {
        None => format!("arn:aws:iam::{MAIN}:role/{role}"),
        Some(("arn", _)) => role.to_owned(),
        Some((account, name)) => format!("arn:aws:iam::{account}:role/{name}"),
    }
}

fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap()
}

pub(super) fn provider(host: &str) -> String {
    format!("arn:aws:iam::{MAIN}:oidc-provider/{host}")
}

impl Log {
    fn key(&mut self) -> String {
        self.keys += 1;
        format!("ASIAQ7XK{:012}", self.keys)
    }

    /// One record; time goes on by ten seconds.
    pub(super) fn record(&mut self, account: &str, source: &str, name: &str, identity: &Value, more: Value) {
        let n = self.records.len();
        let mut record = json!({"eventVersion": "1.11", "userIdentity": identity, "eventTime": time(self.now),
            "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "awsRegion": "eu-west-1", "sourceIPAddress": "192.0.2.7",
            "userAgent": "aws-sdk-go-v2/1.39.0 os/linux lang/go#1.25.1", "requestParameters": null, "responseElements": null,
            "requestID": format!("r-{n}"), "eventID": format!("00000000-0000-4000-8000-{n:012}"), "readOnly": true,
            "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": account, "eventCategory": "Management"});
        merge(&mut record, more);
        self.records.push(record);
        self.now += 10;
    }

    /// A session of a role of which no issuance is in the log.
    pub(super) fn session(&mut self, role: &str, name: &str) -> Session {
        let arn = role_arn(role);
        let (account, short) = (account_of(&arn).to_owned(), arn.rsplit('/').next().unwrap().to_owned());
        let id = format!(
            "AROA{}",
            arn.to_uppercase().chars().filter(char::is_ascii_alphanumeric).collect::<String>()
        );
        let partition = arn.split(':').nth(1).unwrap().to_owned();
        let identity = json!({"type": "AssumedRole", "principalId": format!("{id}:{name}"),
            "arn": format!("arn:{partition}:sts::{account}:assumed-role/{short}/{name}"), "accountId": account, "accessKeyId": self.key(),
            "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": id, "arn": arn, "accountId": account, "userName": short},
                "attributes": {"creationDate": time(self.now), "mfaAuthenticated": "false"}}});
        Session { identity, begun: self.now }
    }

    /// What a successful issuance answers.
    fn answer(session: &Session) -> Value {
        json!({"credentials": {"accessKeyId": session.text("/accessKeyId"), "sessionToken": "EXAMPLE-NOT-A-SECRET", "expiration": "Mar 1, 2026, 9:00:00 PM"},
            "assumedRoleUser": {"assumedRoleId": session.principal_id(), "arn": session.text("/arn")}})
    }

    fn asked(session: &Session, more: Value) -> Value {
        let name = session.text("/principalId").split_once(':').unwrap().1.to_owned();
        let mut asked = json!({"roleArn": session.role(), "roleSessionName": name});
        merge(&mut asked, more);
        asked
    }

    fn resources(session: &Session) -> Value {
        let role = session.role();
        json!([{"accountId": account_of(&role), "type": "AWS::IAM::Role", "ARN": role}])
    }

    /// `AssumeRoleWithWebIdentity`; `provider` is an ARN or a built-in provider's host.
    pub(super) fn web(
        &mut self,
        role: &str,
        name: &str,
        (provider, audience, subject): (&str, &str, &str),
    ) -> Session {
        self.web_with(role, name, (provider, audience, subject), json!({}), json!({}))
    }

    /// The same with more in the parameters and in the record.
    pub(super) fn web_with(
        &mut self,
        role: &str,
        name: &str,
        (provider, audience, subject): (&str, &str, &str),
        asked: Value,
        more: Value,
    ) -> Session {
        let session = self
            .session(role, name)
            .in_context(json!({"webIdFederationData": {"federatedProvider": provider, "attributes": {}}}));
        let identity = json!({"type": "WebIdentityUser", "principalId": format!("{provider}:{audience}:{subject}"),
            "userName": subject, "identityProvider": provider});
        let mut response = Self::answer(&session);
        merge(
            &mut response,
            json!({"subjectFromWebIdentityToken": subject, "provider": provider, "audience": audience}),
        );
        let mut record = json!({"requestParameters": Self::asked(&session, asked), "responseElements": response,
            "resources": Self::resources(&session)});
        merge(&mut record, more);
        self.record(account_of(&session.role()), "sts", "AssumeRoleWithWebIdentity", &identity, record);
        session
    }

    /// `AssumeRole` by an AWS service. EC2 and Lambda do not tell `assumedRoleUser`.
    pub(super) fn service(&mut self, role: &str, name: &str, service: &str, asked: Value) -> Session {
        let session = self.session(role, name);
        let mut response = Self::answer(&session);
        if ["ec2.amazonaws.com", "lambda.amazonaws.com"].contains(&service) {
            response.as_object_mut().unwrap().shift_remove("assumedRoleUser");
        }
        let identity = json!({"type": "AWSService", "invokedBy": service});
        let shared = format!("shared-{}", self.records.len());
        let record = json!({"requestParameters": Self::asked(&session, asked), "responseElements": response,
            "resources": Self::resources(&session), "sharedEventID": shared, "sourceIPAddress": service, "userAgent": service});
        self.record(account_of(&session.role()), "sts", "AssumeRole", &identity, record);
        session
    }

    /// `AssumeRole` by somebody; a role of another account gets its own copy of the record.
    pub(super) fn assume(&mut self, by: &Session, role: &str, name: &str) -> Session {
        self.assume_with(by, role, name, json!({}), json!({}))
    }

    pub(super) fn assume_with(
        &mut self,
        by: &Session,
        role: &str,
        name: &str,
        asked: Value,
        more: Value,
    ) -> Session {
        let session = self.session(role, name);
        let own = by.text("/accountId").to_owned();
        let theirs = account_of(&session.role()).to_owned();
        let shared = format!("shared-{}", self.records.len());
        let mut record = json!({"requestParameters": Self::asked(&session, asked), "responseElements": Self::answer(&session),
            "resources": Self::resources(&session)});
        merge(&mut record, more);
        if own != theirs {
            record["sharedEventID"] = json!(shared);
            let copy = json!({"type": "AWSAccount", "principalId": by.principal_id(), "accountId": own});
            let now = self.now;
            self.record(&theirs, "sts", "AssumeRole", &copy, record.clone());
            self.now = now;
        }
        if own != FOREIGN {
            self.record(&own, "sts", "AssumeRole", &by.identity, record);
        }
        session
    }

    /// `AssumeRoleWithSAML`.
    pub(super) fn saml(&mut self, role: &str, name: &str, idp: &str, asked: Value) -> Session {
        let session = self.session(role, name);
        let provider = format!("arn:aws:iam::{MAIN}:saml-provider/{idp}");
        let identity = json!({"type": "SAMLUser", "principalId": format!("QUALIFIER=:{name}"), "userName": name, "identityProvider": "QUALIFIER="});
        let mut response = Self::answer(&session);
        merge(
            &mut response,
            json!({"subject": name, "subjectType": "persistent", "issuer": "https://idp.example/saml",
            "audience": "https://signin.aws.amazon.com/saml", "nameQualifier": "QUALIFIER="}),
        );
        let mut asked = Self::asked(&session, asked);
        merge(
            &mut asked,
            json!({"principalArn": provider, "sAMLAssertionID": "_1", "durationSeconds": 3600}),
        );
        let mut resources = Self::resources(&session);
        resources
            .as_array_mut()
            .unwrap()
            .push(json!({"accountId": MAIN, "type": "AWS::IAM::SAMLProvider", "ARN": provider}));
        let record =
            json!({"requestParameters": asked, "responseElements": response, "resources": resources});
        self.record(MAIN, "sts", "AssumeRoleWithSAML", &identity, record);
        session
    }

    /// The long-lived key of a user.
    pub(super) fn user(&mut self, name: &str) -> Session {
        let identity = json!({"type": "IAMUser", "principalId": format!("AIDA{}", name.to_uppercase()),
            "arn": format!("arn:aws:iam::{MAIN}:user/{name}"), "accountId": MAIN, "accessKeyId": format!("AKIAQ7XK{:0>12}", name.to_uppercase()),
            "userName": name});
        Session { identity, begun: 0 }
    }

    /// One call that needs `ec2:DescribeInstances`, a minute after the session began.
    pub(super) fn call(&mut self, session: &Session) {
        self.call_as(session, json!({}));
    }

    /// The same with members of the record replaced.
    pub(super) fn call_as(&mut self, session: &Session, more: Value) {
        let before = self.now;
        self.now = self.now.max(session.begun + 60);
        let account = session.text("/accountId").to_owned();
        self.record(&account, "ec2", "DescribeInstances", &session.identity, more);
        self.now = before + 10;
    }
}
