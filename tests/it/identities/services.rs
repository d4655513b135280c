//! AWS's own services, privileged sessions, chains, and sessions that are not what they look like.

use serde_json::json;

use super::log::{Session, provider, role_arn};
use super::{FOREIGN, GITHUB, ISSUER, MAIN, OTHER, PODS, STS, World, pod_tags};

/// Calls of [`of_aws`] that are AWS's own.
pub(super) const OF_AWS_ITSELF: u64 = 4;

pub(super) fn of_aws(w: &mut World) {
    // Each service with the session names it gives.
    for (role, name, service, expected) in [
        ("ec2", "i-0abcdef0123456789", "ec2.amazonaws.com", "ec2:ec2"),
        ("ecs", "0123456789abcdef0123456789abcdef", "ecs-tasks.amazonaws.com", "ecs:ecs"),
        ("lambda", "orders", "lambda.amazonaws.com", "lambda:orders"),
        ("glue", "GlueJobRunnerSession", "glue.amazonaws.com", "service:glue.amazonaws.com/glue"),
        (
            "codebuild",
            "AWSCodeBuild-498124c2-a555-40bf-9059-ca9a26821eb0",
            "codebuild.amazonaws.com",
            "service:codebuild.amazonaws.com/codebuild",
        ),
        ("mwaa", "AmazonMWAA-airflow", "airflow-env.amazonaws.com", "service:airflow.amazonaws.com/mwaa"),
        ("states", "kXqzWvPbTnRmLsHgFd", "states.amazonaws.com", "service:states.amazonaws.com/states"),
        ("sagemaker", "SageMaker", "sagemaker.amazonaws.com", "service:sagemaker.amazonaws.com/sagemaker"),
        (
            "stack",
            "AWSCloudFormation",
            "cloudformation.amazonaws.com",
            "service:cloudformation.amazonaws.com/stack",
        ),
        (
            "trail",
            "CLOUDWATCH_LOGS_DELIVERY_SESSION",
            "cloudtrail.amazonaws.com",
            "service:cloudtrail.amazonaws.com/trail",
        ),
        ("emr-job", "emr-1", "emr-containers.amazonaws.com", "service:emr-containers.amazonaws.com/emr-job"),
        (
            "pipeline",
            "1780272859000",
            "codepipeline.amazonaws.com",
            "service:codepipeline.amazonaws.com/pipeline",
        ),
    ] {
        let session = w.log.service(role, name, service, json!({}));
        w.log.call(&session);
        w.expect(role, &format!("{expected} exact [] {{}}"));
    }
    // Without an issuance: what AWS writes into the record itself.
    let scope =
        |kind: &str, arn: &str| json!({"inScopeOf": {"issuerType": kind, "credentialsIssuedTo": arn}});
    for (role, name, more, expected) in [
        (
            "fn-scope",
            "cleanup",
            scope("AWS::Lambda::Function", "arn:aws:lambda:eu-west-1:111122223333:function:cleanup:$LATEST"),
            "lambda:cleanup",
        ),
        (
            "fn-forged-name",
            "orders",
            scope("AWS::Lambda::Function", "arn:aws:lambda:eu-west-1:111122223333:function:real"),
            "lambda:real",
        ),
        (
            "ec2-scope",
            "i-1",
            scope("AWS::EC2::Instance", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1"),
            "ec2:ec2-scope",
        ),
        (
            "ecs-scope",
            "0123456789abcdef0123456789abcdef",
            scope("AWS::ECS::Task", "arn:aws:ecs:eu-west-1:111122223333:task/c/0123"),
            "ecs:ecs-scope",
        ),
    ] {
        let session = w.log.session(role, name).with(more);
        w.log.call(&session);
        w.expect(role, &format!("{expected} session [] {{}}"));
    }
    // Lambda checks a role when a function is made; the function's own sessions are others.
    let check = w.log.service("fn-checked", "awslambda_0_20260301000000", "lambda.amazonaws.com", json!({}));
    w.log.call(&check);
    w.expect("fn-checked", "service:lambda.amazonaws.com/fn-checked exact [] {}");
    let delivered =
        w.log.session("ec2-delivered", "i-0abcdef0123456789").in_context(json!({"ec2RoleDelivery": "2.0"}));
    w.log.call(&delivered);
    w.expect("ec2-delivered", "ec2:ec2-delivered session [] {}");
    // Nothing but the trust policy.
    for (role, name, services, expected) in [
        ("ec2-trust", "i-0abcdef0123456789", &["ec2.amazonaws.com"][..], "ec2:ec2-trust inferred [] {}"),
        (
            "ecs-trust",
            "0123456789abcdef0123456789abcdef",
            &["ecs-tasks.amazonaws.com"],
            "ecs:ecs-trust inferred [] {}",
        ),
        ("fn-trust", "thumbnails", &["lambda.amazonaws.com"], "lambda:thumbnails inferred [] {}"),
        (
            "edge-trust",
            "viewer",
            &["lambda.amazonaws.com", "edgelambda.amazonaws.com"],
            "lambda:viewer inferred [] {}",
        ),
        (
            "mwaa-trust",
            "AmazonMWAA-airflow",
            &["airflow.amazonaws.com", "airflow-env.amazonaws.com"],
            "service:airflow.amazonaws.com/mwaa-trust inferred [] {}",
        ),
        (
            "states-trust",
            "x",
            &["states.eu-west-1.amazonaws.com"],
            "service:states.amazonaws.com/states-trust inferred [] {}",
        ),
        (
            "two-trust",
            "GlueJobRunnerSession",
            &["glue.amazonaws.com", "codebuild.amazonaws.com"],
            "? no issuance in the logs fits the session; its name has the form that AWS Glue gives, which proves nothing",
        ),
    ] {
        w.trust_service(role, services);
        let session = w.log.session(role, name);
        w.log.call(&session);
        w.expect(role, expected);
    }
    // Roles Anywhere writes two events of one session.
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    let asked = json!({"sourceIdentity": "CN=build-7", "tags": [tag("x509Subject/CN", "build-7"), tag("x509Issuer/CN", "ca")]});
    let session = w.log.service("anywhere", "00c1d2e3f4", "rolesanywhere.amazonaws.com", asked);
    let key = session.identity["accessKeyId"].clone();
    let own = json!({"eventSource": "rolesanywhere.amazonaws.com", "eventName": "CreateSession",
        "requestParameters": {"roleArn": role_arn("anywhere"), "trustAnchorArn": "arn:aws:rolesanywhere:eu-west-1:111122223333:trust-anchor/t"},
        "responseElements": {"credentialSet": [{"credentials": {"accessKeyId": key}, "roleArn": role_arn("anywhere")}], "subjectArn": "arn:aws:rolesanywhere:eu-west-1:111122223333:subject/s"}});
    w.log.record(
        MAIN,
        "rolesanywhere",
        "CreateSession",
        &json!({"type": "Unknown", "principalId": "", "accountId": MAIN}),
        own,
    );
    w.log.call(&session.in_context(json!({"sourceIdentity": "CN=build-7"})));
    w.expect("anywhere", "service:rolesanywhere.amazonaws.com/anywhere exact [] {certificate=build-7}");
    w.trust_service("anywhere-old", &["rolesanywhere.amazonaws.com"]);
    let session =
        w.log.session("anywhere-old", "00c1d2e3f4").in_context(json!({"sourceIdentity": "CN=build-8"}));
    w.log.call(&session);
    w.expect(
        "anywhere-old",
        "service:rolesanywhere.amazonaws.com/anywhere-old inferred [] {certificate=build-8}",
    );
    // AWS itself: two service-linked roles, EC2's infrastructure, a record without a type.
    for (role, name) in [
        ("aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS", "SLRManagement"),
        ("aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2", "MandoService2"),
        ("aws:ec2-infrastructure", "i-0abcdef0123456789"),
    ] {
        let session = w.log.session(&format!("arn:aws:iam::{MAIN}:role/{role}"), name).without("accessKeyId");
        w.log.call(&session.with(json!({"invokedBy": "rds.amazonaws.com"})));
    }
    let nobody = json!({"accountId": MAIN, "invokedBy": "secretsmanager.amazonaws.com"});
    w.log.record(
        MAIN,
        "secretsmanager",
        "SecretVersionDeletion",
        &nobody,
        json!({"eventType": "AwsServiceEvent"}),
    );
}

fn root(account: &str, key: &str, begun: &Session) -> Session {
    begun.with(json!({"type": "Root", "principalId": account, "arn": format!("arn:aws:iam::{account}:root"), "accountId": account,
        "accessKeyId": key, "sessionContext": {"attributes": begun.identity["sessionContext"]["attributes"].clone()}}))
}

pub(super) fn privileged(w: &mut World) {
    // A role of the management account takes the root of a member.
    let admin = w.log.web("org-admin", "s", (&provider(ISSUER), STS, "system:serviceaccount:ops:root-tasks"));
    let begun = w.log.session("unused", "s");
    let member = root(OTHER, "ASIAQ7XKROOT00000001", &begun);
    let taken = json!({"readOnly": false, "requestParameters": {"targetPrincipal": OTHER, "taskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}},
        "responseElements": {"credentials": {"accessKeyId": "ASIAQ7XKROOT00000001"}}});
    w.log.record(MAIN, "sts", "AssumeRoot", &admin.identity, taken);
    w.log.call(&member.in_context(json!({"assumedRoot": "true"})));
    w.expect(
        &format!("arn:aws:iam::{OTHER}:root"),
        &format!("kubernetes:{ISSUER}/ops/root-tasks exact [org-admin] {{}}"),
    );
    w.expect("org-admin", &format!("kubernetes:{ISSUER}/ops/root-tasks exact [] {{}}"));
    // The same of which nobody saw the issuance: a privileged task, not somebody who signed in as root.
    w.log.call(&root(OTHER, "ASIAQ7XKROOT00000002", &begun).in_context(json!({"assumedRoot": "true"})));
    w.expect(
        &format!("arn:aws:iam::{OTHER}:root"),
        "? a session of the root user, opened by an `AssumeRoot` that is not in the logs",
    );
    w.log.call(&root(MAIN, "ASIAQ7XKROOT00000003", &begun));
    w.expect(&format!("arn:aws:iam::{MAIN}:root"), &format!("root:{MAIN} exact [] {{}}"));

    // GetFederationToken and GetSessionToken.
    let user = w.log.user("broker");
    let principal = format!("arn:aws:iam::{MAIN}:user/broker");
    let federated = |key: &str, name: &str| {
        user.with(json!({"type": "FederatedUser", "principalId": format!("{MAIN}:{name}"),
        "arn": format!("arn:aws:sts::{MAIN}:federated-user/{name}"), "accessKeyId": key,
        "sessionContext": {"sessionIssuer": {"type": "IAMUser", "principalId": user.principal_id(), "arn": principal, "accountId": MAIN, "userName": "broker"},
            "attributes": {"creationDate": "2026-03-01T00:00:00Z"}}}))
    };
    let given = json!({"readOnly": false, "requestParameters": {"name": "bob", "policy": "{}"}, "responseElements": {"credentials": {"accessKeyId": "ASIAQ7XKFEDERATED001"},
        "federatedUser": {"arn": format!("arn:aws:sts::{MAIN}:federated-user/bob"), "federatedUserId": format!("{MAIN}:bob")}}});
    w.log.record(MAIN, "sts", "GetFederationToken", &user.identity, given);
    w.log.call(&federated("ASIAQ7XKFEDERATED001", "bob"));
    w.log.call(&federated("ASIAQ7XKFEDERATED002", "eve"));
    let given = json!({"readOnly": false, "responseElements": {"credentials": {"accessKeyId": "ASIAQ7XKSESSION00001"}}});
    w.log.record(MAIN, "sts", "GetSessionToken", &user.identity, given);
    w.log.call(&user.with(json!({"accessKeyId": "ASIAQ7XKSESSION00001", "sessionContext": {"sessionIssuer": {}, "attributes": {"creationDate": "2026-03-01T00:00:00Z", "mfaAuthenticated": "true"}}})));
    // One federated user's issuance is not in the logs, so the weakest of the user's sessions is found by its record.
    w.expect(&principal, &format!("iam-user:{principal} session [] {{}}"));
    // A forward access session: the user's, under a key of its own.
    let other = w.log.user("fas");
    w.log.call(&other.with(json!({"accessKeyId": "ASIAQ7XKFORWARD00001", "invokedBy": "secretsmanager.amazonaws.com",
        "sessionContext": {"sessionIssuer": {}, "webIdFederationData": {}, "attributes": {"creationDate": "2026-03-01T00:00:00Z"}}})));
    w.expect(
        &format!("arn:aws:iam::{MAIN}:user/fas"),
        &format!("iam-user:arn:aws:iam::{MAIN}:user/fas exact [] {{}}"),
    );
    let session = w.log.web("irsa-fas", "s", (&provider(ISSUER), STS, "system:serviceaccount:shop:fas"));
    w.log
        .call(&session.with(json!({"accessKeyId": "ASIAQ7XKFORWARD00002", "invokedBy": "s3.amazonaws.com"})));
    w.expect("irsa-fas", &format!("kubernetes:{ISSUER}/shop/fas session [] {{}}"));
    // Temporary delegation: the customer's role, the provider's hand.
    let session =
        w.log.session("delegated", "product").with(json!({"invokedByDelegate": {"accountId": FOREIGN}}));
    w.log.call(&session);
    w.expect("delegated", &format!("account:{FOREIGN} session [] {{}}"));
}

pub(super) fn chains(w: &mut World) {
    let start =
        w.log.web("chain-a", "GitHubActions", (&provider(GITHUB), STS, "repo:acme/app:ref:refs/heads/main"));
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    let asked =
        json!({"sourceIdentity": "deploy-42", "tags": [tag("team", "core")], "transitiveTagKeys": ["team"]});
    let second = w
        .log
        .assume_with(&start, "chain-b", "hop", asked, json!({}))
        .in_context(json!({"sourceIdentity": "deploy-42"}));
    let asked = json!({"incomingTransitiveTags": {"team": "core"}, "sourceIdentity": "deploy-42"});
    let third = w
        .log
        .assume_with(&second, &format!("{OTHER}:chain-c"), "hop", asked, json!({}))
        .in_context(json!({"sourceIdentity": "deploy-42"}));
    w.log.call(&third);
    let id = "github-actions:acme/app";
    w.expect("chain-a", &format!("{id} exact [] {{ref=refs/heads/main}}"));
    w.expect(
        "chain-b",
        &format!(
            "{id} exact [chain-a] {{ref=refs/heads/main session-tag=team=core source-identity=deploy-42}}"
        ),
    );
    w.expect(&format!("{OTHER}:chain-c"), &format!("{id} exact [chain-a chain-b] {{ref=refs/heads/main session-tag=team=core source-identity=deploy-42}}"));
    // Far more links than any limit on depth would follow: a program that takes its own role anew all the time.
    let mut session =
        w.log.web("renewer", "s0", (&provider(ISSUER), STS, "system:serviceaccount:ops:renewer"));
    for n in 1..120 {
        session = w.log.assume(&session, "renewer", &format!("s{n}"));
    }
    w.log.call(&session);
    w.expect("renewer", &format!("kubernetes:{ISSUER}/ops/renewer exact [] {{}}"));
    // Two roles that say they opened each other.
    let one = w.log.session("loop-a", "s");
    let two = w.log.assume(&one, "loop-b", "s");
    let back = w.log.records.last().unwrap().clone();
    let (key, id, arn) = (&one.identity["accessKeyId"], one.principal_id(), &one.identity["arn"]);
    let mut again = back["requestParameters"].clone();
    again["roleArn"] = json!(role_arn("loop-a"));
    let answer = json!({"requestParameters": again, "eventTime": back["eventTime"],
        "responseElements": {"credentials": {"accessKeyId": key}, "assumedRoleUser": {"assumedRoleId": id, "arn": arn}}});
    w.log.record(MAIN, "sts", "AssumeRole", &two.identity, answer);
    w.log.call(&one);
    w.log.call(&two);
    for role in ["loop-a", "loop-b"] {
        w.expect(role, "? the chain of role assumptions does not end");
    }
    // From an account nothing is known of, only the owner's copy.
    let stranger = w.log.session(&format!("{FOREIGN}:partner"), "s");
    let session = w.log.assume(&stranger, "shared-with-partner", "s");
    w.log.call(&session);
    w.expect("shared-with-partner", &format!("account:{FOREIGN} exact [] {{}}"));
    // The caller's start is not known, so nobody is known for the rest.
    let early = w.log.session("chain-lost", "s");
    let session = w.log.assume(&early, "chain-lost-end", "s");
    w.log.call(&session);
    let nobody = "no issuance in the logs fits the session";
    w.expect("chain-lost", &format!("? {nobody}"));
    w.expect("chain-lost-end", &format!("? the session that opened it is not traced: {nobody}"));
    // A chain over trust policies alone.
    w.trust_web("trust-a", ISSUER, "StringEquals", "system:serviceaccount:shop:trusted");
    w.role(
        "trust-b",
        json!([{"Effect": "Allow", "Principal": {"AWS": role_arn("trust-a")}, "Action": "sts:AssumeRole"}]),
    );
    let session = w.log.session("trust-b", "s");
    w.log.call(&session);
    w.expect("trust-b", &format!("kubernetes:{ISSUER}/shop/trusted inferred [trust-a] {{}}"));
}

/// Names, keys and tags prove nothing by themselves.
pub(super) fn imitations(w: &mut World) {
    let eve = w.log.user("eve");
    let id = format!("iam-user:arn:aws:iam::{MAIN}:user/eve");
    let uuid = "498124c2-a555-40bf-9059-ca9a26821eb0";
    for (role, name, asked, labels) in [
        (
            "fake-pod",
            format!("eks-production-checkout-{uuid}"),
            json!({"tags": pod_tags(super::CLUSTER, "shop", "checkout", "checkout-0")}),
            "",
        ),
        ("fake-irsa", "botocore-session-1700000000".to_owned(), json!({}), ""),
        ("fake-sso", "maria@acme.example".to_owned(), json!({}), ""),
        ("fake-instance", "i-0abcdef0123456789".to_owned(), json!({}), ""),
        ("fake-glue", "GlueJobRunnerSession".to_owned(), json!({}), ""),
        ("fake-airflow", "airflow_orders_db".to_owned(), json!({}), "airflow-connection=orders_db"),
    ] {
        let session = w.log.assume_with(&eve, role, &name, asked, json!({}));
        w.log.call(&session);
        w.expect(role, &format!("{id} exact [] {{{labels}}}"));
    }
    w.expect(&format!("arn:aws:iam::{MAIN}:user/eve"), &format!("{id} exact [] {{}}"));
    // A key that is missing, hidden or another one than was issued: role, name and moment tell.
    for (role, key) in [
        ("no-key", ""),
        ("hidden-key", "HIDDEN_DUE_TO_SECURITY_REASONS"),
        ("other-key", "ASIAQ7XKOTHERKEY0009"),
    ] {
        let session = w.log.web(role, "s", (&provider(ISSUER), STS, "system:serviceaccount:shop:api"));
        w.log.call(&session.with(json!({"accessKeyId": key})));
        w.expect(role, &format!("kubernetes:{ISSUER}/shop/api session [] {{}}"));
    }
    // One key for everybody, as masked logs have it: no session is joined by it.
    let mask = json!({"accessKeyId": "ASIAQ7XKMASKED00001X"});
    for (role, account) in [("masked-a", "a"), ("masked-b", "b")] {
        let session =
            w.log.web(role, "s", (&provider(ISSUER), STS, &format!("system:serviceaccount:shop:{account}")));
        let issued = w.log.records.last_mut().unwrap();
        issued["responseElements"]["credentials"]["accessKeyId"] = mask["accessKeyId"].clone();
        w.log.call(&session.with(mask.clone()));
        w.expect(role, &format!("kubernetes:{ISSUER}/shop/{account} session [] {{}}"));
    }
    let early = w.log.session("masked-early", "s").with(mask);
    w.log.call(&early);
    w.expect("masked-early", "? the access key id is masked or shared by several sessions, and no issuance fits by role, session name and time");
    // A role made anew under its old name: the old one's sessions are not told by today's trust policy.
    w.trust_web("remade", ISSUER, "StringEquals", "system:serviceaccount:shop:new");
    let old = w.log.session("remade", "s");
    let issuer = &old.identity["sessionContext"]["sessionIssuer"];
    let mut earlier = issuer.clone();
    earlier["principalId"] = json!("AROAEARLIERROLE0001");
    let old = old
        .with(json!({"principalId": "AROAEARLIERROLE0001:s"}))
        .in_context(json!({"sessionIssuer": earlier}));
    w.log.call(&old);
    w.expect("remade", "? no issuance in the logs fits the session");
    // Only EKS's word counts for pods.
    let session = w.log.service(
        "fake-service",
        &format!("eks-production-api-{uuid}"),
        "codebuild.amazonaws.com",
        json!({"tags": pod_tags(super::CLUSTER, "shop", "api", "api-0")}),
    );
    w.log.call(&session);
    w.expect("fake-service", "service:codebuild.amazonaws.com/fake-service exact [] {}");
    assert_eq!(PODS, "pods.eks.amazonaws.com");
}
