//! Services that name their resources in ways of their own.
//!
//! Each function proposes ARNs from what its service writes into events; the caller keeps those of the action's types.

use super::is_plain;
use crate::catalog::facts::Facts;
use crate::ident::{Action, Arn};

/// Proposals of one service.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Whole ARNs, made of the event's text: no wildcard is meant.
    pub(super) exact: Vec<String>,
    /// With `*` or `?` for what the event does not tell.
    pub(super) patterns: Vec<String>,
}

impl Candidates {
    /// Both, the exact ones first.
    pub(super) fn all(self) -> Vec<String> {
        let mut all = self.exact;
        all.extend(self.patterns);
        all
    }

    /// A pattern around texts of the event, which must not hold wildcards themselves.
    fn pattern(&mut self, texts: &[&str], pattern: String) {
        if texts.iter().all(|text| is_plain(text)) {
            self.patterns.push(pattern);
        } else {
            self.exact.push(pattern);
        }
    }
}

/// The proposals for an action's service; none for most services.
pub(super) fn candidates(facts: &Facts<'_>, action: &Action) -> Candidates {
    let mut found = Candidates::default();
    match action.service() {
        "s3" | "s3express" => s3(facts, &mut found),
        "ec2" => ec2(facts, &mut found),
        "iam" => iam(facts, action, &mut found),
        "lambda" => lambda(facts, &mut found),
        "sqs" => sqs(facts, &mut found),
        "sns" => sns(facts, &mut found),
        "ssm" => ssm(facts, action, &mut found),
        "logs" => logs(facts, &mut found),
        "secretsmanager" => secrets_manager(facts, &mut found),
        "ecs" => ecs(facts, &mut found),
        "kms" => kms(facts, &mut found),
        "dynamodb" => dynamodb(facts, &mut found),
        "ecr" => ecr(facts, &mut found),
        _ => {}
    }
    found
}

impl Facts<'_> {
    /// `arn:PARTITION:SERVICE:REGION:ACCOUNT:` of the event's account and Region.
    fn local(&self, service: &str) -> Option<String> {
        let region = super::non_empty(self.event.region)?;
        Some(["arn:", self.partition, ":", service, ":", region, ":", self.account?, ":"].concat())
    }
}

/// Bucket and key have no account in their ARNs; an access point is given by its ARN in place of the bucket's name.
fn s3(facts: &Facts<'_>, found: &mut Candidates) {
    let Some(bucket) = facts.parameter(&["bucketName", "bucket"]) else { return };
    let keys = || facts.parameters("key").map(|key| key.trim_start_matches('/'));
    if Arn::parse(bucket).is_some_and(|arn| arn.resource.starts_with("accesspoint/")) {
        found.exact.extend(keys().map(|key| format!("{bucket}/object/{key}")));
        found.exact.push(bucket.to_owned());
    } else if bucket.ends_with("--x-s3") {
        found.exact.extend(facts.local("s3express").map(|arn| format!("{arn}bucket/{bucket}")));
    } else {
        let arn = ["arn:", facts.partition, ":s3:::", bucket].concat();
        found.exact.extend(keys().map(|key| [&arn, "/", key].concat()));
        // Of a batch of deletions the record tells the bucket alone.
        if keys().next().is_none() {
            found.pattern(&[bucket], [&arn, "/*"].concat());
        }
        found.exact.push(arn);
    }
}

/// Ids tell their type by how they begin, whatever the parameter is called.
fn ec2(facts: &Facts<'_>, found: &mut Candidates) {
    let Some(local) = facts.local("ec2") else { return };
    for field in &facts.request {
        let start = ec2_id(field.value);
        let Some((_, kind)) = EC2_IDS.iter().find(|(known, _)| start == Some(*known)) else { continue };
        // What anyone may own has no account in its ARN.
        let without_account = matches!(*kind, "image" | "snapshot");
        let arn = match (without_account, local.rsplit_once(':').and_then(|(head, _)| head.rsplit_once(':')))
        {
            (true, Some((head, _))) => format!("{head}::{kind}/{}", field.value),
            _ => format!("{local}{kind}/{}", field.value),
        };
        found.exact.push(arn);
    }
    found.exact.extend(facts.parameters("keyName").map(|name| format!("{local}key-pair/{name}")));
}

/// Whether a text has the form of an id EC2 gives, of whatever type.
pub(super) fn is_ec2_id(text: &str) -> bool {
    ec2_id(text).is_some()
}

/// Whether a text is an id of a type of EC2's that is known by how it begins.
pub(super) fn is_known_ec2_id(text: &str) -> bool {
    ec2_id(text).is_some_and(|start| EC2_IDS.iter().any(|(known, _)| *known == start))
}

/// How an id of EC2 begins: `i`, `vol`, `tgw-attach`.
fn ec2_id(text: &str) -> Option<&str> {
    let (start, rest) = text.rsplit_once('-')?;
    let is_id = rest.len() >= 7 && rest.len() <= 32 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_id.then_some(start)
}

/// See: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html> and the ARN formats of the service.
const EC2_IDS: &[(&str, &str)] = &[
    ("acl", "network-acl"),
    ("ami", "image"),
    ("cagw", "carrier-gateway"),
    ("cgw", "customer-gateway"),
    ("cr", "capacity-reservation"),
    ("cvpn-endpoint", "client-vpn-endpoint"),
    ("dopt", "dhcp-options"),
    ("eice", "instance-connect-endpoint"),
    ("eigw", "egress-only-internet-gateway"),
    ("eipalloc", "elastic-ip"),
    ("eni", "network-interface"),
    ("fl", "vpc-flow-log"),
    ("fleet", "fleet"),
    ("h", "dedicated-host"),
    ("i", "instance"),
    ("igw", "internet-gateway"),
    ("ipam", "ipam"),
    ("ipam-pool", "ipam-pool"),
    ("key", "key-pair"),
    ("lgw", "local-gateway"),
    ("lt", "launch-template"),
    ("nat", "natgateway"),
    ("pcx", "vpc-peering-connection"),
    ("pl", "prefix-list"),
    ("rtb", "route-table"),
    ("sfr", "spot-fleet-request"),
    ("sg", "security-group"),
    ("sgr", "security-group-rule"),
    ("sir", "spot-instances-request"),
    ("snap", "snapshot"),
    ("subnet", "subnet"),
    ("tgw", "transit-gateway"),
    ("tgw-attach", "transit-gateway-attachment"),
    ("tgw-rtb", "transit-gateway-route-table"),
    ("tmf", "traffic-mirror-filter"),
    ("tmfr", "traffic-mirror-filter-rule"),
    ("tms", "traffic-mirror-session"),
    ("tmt", "traffic-mirror-target"),
    ("vgw", "vpn-gateway"),
    ("vol", "volume"),
    ("vpc", "vpc"),
    ("vpce", "vpc-endpoint"),
    ("vpce-svc", "vpc-endpoint-service"),
    ("vpn", "vpn-connection"),
];

/// Names come without their path: the caller's own role and the response know it, a create call gives it; else the path is
/// open. Without a name, the caller is meant.
fn iam(facts: &Facts<'_>, action: &Action, found: &mut Candidates) {
    let Some(account) = facts.account else { return };
    let kinds = [
        ("role", "roleName"),
        ("user", "userName"),
        ("group", "groupName"),
        ("policy", "policyName"),
        ("instance-profile", "instanceProfileName"),
        ("server-certificate", "serverCertificateName"),
    ];
    for (kind, parameter) in kinds {
        let Some(name) = facts.parameter(&[parameter]) else { continue };
        let start = format!("arn:{}:iam::{account}:{kind}/", facts.partition);
        let creates = action.name().starts_with("Create") || action.name().starts_with("Upload");
        if creates && !(kind == "user" && action.name() == "CreateAccessKey") && is_created(action, kind) {
            let path = facts.parameter(&["path"]).unwrap_or("/");
            found.exact.push(format!("{start}{}{name}", path.trim_start_matches('/')));
            continue;
        }
        let session = &facts.event.identity.session;
        let told = facts
            .response
            .iter()
            .map(|field| field.value)
            .chain(session.issuer_arn)
            .chain(facts.event.identity.arn);
        let mut whole = told.filter(|arn| {
            arn.strip_prefix(start.as_str()).is_some_and(|path| path.rsplit('/').next() == Some(name))
        });
        match whole.next_back() {
            Some(arn) => found.exact.push(arn.to_owned()),
            None => found.pattern(&[name], format!("{start}*{name}")),
        }
    }
    if action.name() == "CreateServiceLinkedRole"
        && let Some(service) = facts.parameter(&["aWSServiceName"])
    {
        // AWS gives the name; the path is the service's.
        let start = format!("arn:{}:iam::{account}:role/aws-service-role/{service}/", facts.partition);
        found.pattern(&[service], format!("{start}*"));
    }
    let is_users_own = facts.parameter(&["userName"]).is_none() && SELF_SERVICE.contains(&action.name());
    found.exact.extend(
        facts.event.identity.arn.filter(|arn| is_users_own && arn.contains(":user/")).map(str::to_owned),
    );
}

/// Whether an IAM action that creates something creates a thing of this kind.
fn is_created(action: &Action, kind: &str) -> bool {
    match action.name() {
        "CreateRole" => kind == "role",
        "CreateUser" => kind == "user",
        "CreateGroup" => kind == "group",
        "CreatePolicy" => kind == "policy",
        "CreateInstanceProfile" => kind == "instance-profile",
        "UploadServerCertificate" => kind == "server-certificate",
        _ => false,
    }
}

/// Calls that mean the calling user when they name none.
const SELF_SERVICE: &[&str] = &[
    "ChangePassword",
    "CreateAccessKey",
    "CreateLoginProfile",
    "DeleteAccessKey",
    "DeleteSigningCertificate",
    "EnableMFADevice",
    "GetLoginProfile",
    "GetUser",
    "ListAccessKeys",
    "ListMFADevices",
    "ListServiceSpecificCredentials",
    "ListSigningCertificates",
    "ListSSHPublicKeys",
    "UpdateAccessKey",
    "UpdateSigningCertificate",
    "UploadSigningCertificate",
];

/// A function is given by name, `ACCOUNT:function:NAME`, or ARN, each perhaps with a version or alias behind.
fn lambda(facts: &Facts<'_>, found: &mut Candidates) {
    let Some(local) = facts.local("lambda") else { return };
    for text in facts.parameters("functionName").chain(facts.parameters("functionArn")) {
        let (head, name) = text.split_once(":function:").map_or(("", text), |(head, name)| (head, name));
        let name = name.split(':').next().unwrap_or(name);
        if name.is_empty() || name == "-" {
            continue;
        }
        match Arn::parse(text).map(|_| head) {
            Some(head) => found.exact.push(format!("{head}:function:{name}")),
            None if head.len() == 12 => {
                let region = facts.event.region;
                found.exact.push(format!("arn:{}:lambda:{region}:{head}:function:{name}", facts.partition));
            }
            None => found.exact.push(format!("{local}function:{name}")),
        }
    }
    if let Some(layer) = facts.parameter(&["layerName"]) {
        let name = layer.rsplit(":layer:").next().unwrap_or(layer);
        let start = layer.strip_suffix(name).filter(|start| !start.is_empty()).map(str::to_owned);
        let start = start.unwrap_or_else(|| format!("{local}layer:"));
        found
            .exact
            .extend(facts.parameter(&["versionNumber"]).map(|version| format!("{start}{name}:{version}")));
        found.exact.push(format!("{start}{name}"));
    }
}

/// `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
fn sqs(facts: &Facts<'_>, found: &mut Candidates) {
    for url in facts.parameters("queueUrl") {
        let mut parts = url.rsplit('/');
        let (Some(name), Some(account)) = (parts.next(), parts.next()) else { continue };
        if account.len() == 12 && !name.is_empty() {
            let region = facts.event.region;
            found.exact.push(format!("arn:{}:sqs:{region}:{account}:{name}", facts.partition));
        }
    }
}

/// A subscription is authorised on its topic. `CreateTopic` gives a bare name.
fn sns(facts: &Facts<'_>, found: &mut Candidates) {
    for arn in facts.parameters("subscriptionArn") {
        found.exact.extend(arn.rsplit_once(':').map(|(topic, _)| topic.to_owned()));
    }
    if let (Some(name), Some(local)) = (facts.parameter(&["name"]), facts.local("sns")) {
        found.exact.push(format!("{local}{name}"));
    }
}

/// Parameters by name, documents AWS owns, and things told by `resourceType`.
fn ssm(facts: &Facts<'_>, action: &Action, found: &mut Candidates) {
    let Some(local) = facts.local("ssm") else { return };
    let parameter = |name: &str| [&local, "parameter/", name.trim_start_matches('/')].concat();
    // What tags on creation bears another name than the call.
    let is_about = |thing: &str| action.name().contains(thing) || facts.event.name.contains(thing);
    if is_about("Parameter") {
        let names = facts.parameters("name").chain(facts.parameters("names"));
        found.exact.extend(names.filter(|name| !name.starts_with("arn:")).map(parameter));
        if let Some(path) = facts.parameter(&["path"]) {
            let start = parameter(path);
            found.pattern(&[path], format!("{}/*", start.trim_end_matches('/')));
            found.exact.extend((!start.ends_with('/')).then_some(start));
        }
    }
    let document = if is_about("Document") {
        facts.parameter(&["name", "documentName"])
    } else {
        facts.parameter(&["documentName"])
    };
    if let Some(name) = document.filter(|name| !name.starts_with("arn:")) {
        let is_of_aws =
            name.starts_with("AWS-") || name.starts_with("AWSSupport-") || name.starts_with("Amazon");
        let region = facts.event.region;
        found.exact.push(if is_of_aws {
            format!("arn:{}:ssm:{region}::document/{name}", facts.partition)
        } else {
            format!("{local}document/{name}")
        });
    }
    let instances = facts
        .parameters("instanceIds")
        .chain(facts.parameters("instanceId"))
        .chain(facts.parameters("target"));
    for id in instances {
        if id.starts_with("i-") {
            found.exact.extend(facts.local("ec2").map(|local| format!("{local}instance/{id}")));
        } else if id.starts_with("mi-") {
            found.exact.push(format!("{local}managed-instance/{id}"));
        }
    }
    if let (Some(kind), Some(id)) = (facts.parameter(&["resourceType"]), facts.parameter(&["resourceId"])) {
        match kind {
            "Parameter" => found.exact.push(parameter(id)),
            "Document" => found.exact.push(format!("{local}document/{id}")),
            "ManagedInstance" if id.starts_with("mi-") => {
                found.exact.push(format!("{local}managed-instance/{id}"))
            }
            "ManagedInstance" => {
                found.exact.extend(facts.local("ec2").map(|local| format!("{local}instance/{id}")))
            }
            "MaintenanceWindow" => found.exact.push(format!("{local}maintenancewindow/{id}")),
            "PatchBaseline" => found.exact.push(format!("{local}patchbaseline/{id}")),
            _ => {}
        }
    }
}

/// Log groups are matched with and without the `:*` that stands for their streams: policies are written both ways, and the
/// service asks for either, depending on the call.
fn logs(facts: &Facts<'_>, found: &mut Candidates) {
    let Some(local) = facts.local("logs") else { return };
    let streams: Vec<_> = facts.parameters("logStreamName").collect();
    for name in ["logGroupName", "logGroupIdentifier"].into_iter().flat_map(|key| facts.parameters(key)) {
        let group = if name.starts_with("arn:") {
            name.strip_suffix(":*").unwrap_or(name).to_owned()
        } else {
            [&local, "log-group:", name].concat()
        };
        found.exact.extend(streams.iter().map(|stream| [&group, ":log-stream:", stream].concat()));
        found.pattern(&[name], [&group, ":*"].concat());
        found.exact.push(group);
    }
}

/// A secret's ARN ends in six characters that its name does not tell.
fn secrets_manager(facts: &Facts<'_>, found: &mut Candidates) {
    let Some(local) = facts.local("secretsmanager") else { return };
    let creates = facts.event.name.starts_with("Create");
    let parameter = if creates { "name" } else { "secretId" };
    for name in facts.parameters(parameter).filter(|name| !name.starts_with("arn:")) {
        let start = [&local, "secret:", name, "-"].concat();
        let told = facts.response.iter().map(|field| field.value).find(|arn| arn.starts_with(&start));
        match told.filter(|_| !creates) {
            Some(arn) => found.exact.push(arn.to_owned()),
            None => found.pattern(&[name], [&start, "??????"].concat()),
        }
    }
}

/// Services and tasks lie in a cluster, given by name or ARN, `default` when not given.
fn ecs(facts: &Facts<'_>, found: &mut Candidates) {
    let Some(local) = facts.local("ecs") else { return };
    let cluster = ecs_cluster(facts);
    found.exact.push(format!("{local}cluster/{cluster}"));
    for (kind, keys) in
        [("service", ["service", "services", "serviceName"]), ("task", ["task", "tasks", "taskId"])]
    {
        for name in
            keys.into_iter().flat_map(|key| facts.parameters(key)).filter(|name| !name.starts_with("arn:"))
        {
            found.exact.push(format!("{local}{kind}/{cluster}/{name}"));
        }
    }
    for text in facts.parameters("taskDefinition").filter(|text| !text.starts_with("arn:")) {
        match text.split_once(':') {
            Some(_) => found.exact.push(format!("{local}task-definition/{text}")),
            None => found.pattern(&[text], format!("{local}task-definition/{text}:*")),
        }
    }
    for family in facts.parameters("family") {
        found.pattern(&[family], format!("{local}task-definition/{family}:*"));
    }
}

/// A key is given by its id or its ARN, and an alias names one only to KMS; an alias's own name begins with `alias/`, as its ARN does.
fn kms(facts: &Facts<'_>, found: &mut Candidates) {
    let Some(local) = facts.local("kms") else { return };
    let is_name = |name: &&str| name.starts_with("alias/");
    found.exact.extend(facts.parameters("aliasName").filter(is_name).map(|name| format!("{local}{name}")));
    let keys = ["keyId", "targetKeyId"].into_iter().flat_map(|key| facts.parameters(key));
    found.exact.extend(keys.filter_map(|key| key_arn(&local, key)));
}

/// The ARN of a key given by its id.
fn key_arn(local: &str, key: &str) -> Option<String> {
    (!key.contains([':', '/'])).then(|| [local, "key/", key].concat())
}

/// The key a parameter names by id or ARN; `None` for an alias.
pub(in crate::catalog) fn kms_key(facts: &Facts<'_>, parameter: &str) -> Option<String> {
    let key = facts.parameter(&[parameter])?;
    let is_key = |arn: &Arn<'_>| arn.service == "kms" && arn.resource.starts_with("key/");
    match Arn::parse(key) {
        Some(arn) => is_key(&arn).then(|| key.to_owned()),
        None => key_arn(&facts.local("kms")?, key),
    }
}

fn ecs_cluster<'e>(facts: &Facts<'e>) -> &'e str {
    let cluster = facts.parameter(&["cluster", "clusterName"]).unwrap_or("default");
    cluster.rsplit('/').next().unwrap_or(cluster)
}

/// What a call creates that its request names nothing of: a task gets its id from AWS.
pub(super) fn created(facts: &Facts<'_>) -> Option<String> {
    let is_task = (facts.event.source, facts.event.name) == ("ecs.amazonaws.com", "RunTask");
    let cluster = Some(ecs_cluster(facts)).filter(|cluster| is_task && is_plain(cluster))?;
    Some(format!("{}task/{cluster}/*", facts.local("ecs")?))
}

/// An index is a resource beside its table.
fn dynamodb(facts: &Facts<'_>, found: &mut Candidates) {
    let Some(local) = facts.local("dynamodb") else { return };
    for table in facts.parameters("tableName") {
        let table =
            if table.starts_with("arn:") { table.to_owned() } else { [&local, "table/", table].concat() };
        found.exact.extend(facts.parameters("indexName").map(|index| format!("{table}/index/{index}")));
        found.exact.push(table);
    }
}

/// `registryId` is the account of the repository.
fn ecr(facts: &Facts<'_>, found: &mut Candidates) {
    let Some(account) = facts.parameter(&["registryId"]).filter(|id| id.len() == 12).or(facts.account) else {
        return;
    };
    let start = format!("arn:{}:ecr:{}:{account}:repository/", facts.partition, facts.event.region);
    for name in ["repositoryName", "repositoryNames"].into_iter().flat_map(|key| facts.parameters(key)) {
        found.exact.push(format!("{start}{name}"));
    }
}
