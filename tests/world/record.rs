//! CloudTrail records, member by member in the order AWS writes them.

use serde_json::{Value, json};

use super::calls::Call;
use super::clock;
use super::random::Rng;
use super::truth::Session;

/// Who the record says called, with where from.
pub(crate) struct Caller {
    pub(crate) identity: Value,
    pub(crate) address: String,
    pub(crate) agent: String,
    pub(crate) is_console: bool,
    /// The host header; absent when a service made the call.
    pub(crate) host: Option<String>,
}

/// Where and when a record is written.
pub(crate) struct Scene<'a> {
    pub(crate) time: i64,
    pub(crate) region: &'a str,
    /// `recipientAccountId`.
    pub(crate) account: &'a str,
    pub(crate) shared: Option<&'a str>,
}

impl Session {
    /// The session's own `userIdentity`; `fas` is the service that calls in its name, with a key of its own.
    pub(crate) fn identity(&self, fas: Option<(&str, &str)>) -> Value {
        let key = fas.map_or(self.key.as_str(), |(_, key)| key);
        let invoked_by = fas.map(|(service, _)| service).or(self.invoked_by);
        let attributes = json!({"creationDate": clock::iso(self.created), "mfaAuthenticated": "false"});
        let mut identity = if self.is_role() {
            let mut context = json!({"sessionIssuer": {"type": "Role", "principalId": self.principal_id, "arn": self.principal,
                "accountId": self.account, "userName": self.role_name}});
            if let Some(provider) = &self.provider {
                context["webIdFederationData"] = json!({"federatedProvider": provider, "attributes": {}});
            }
            context["attributes"] = attributes;
            if self.is_instance {
                context["ec2RoleDelivery"] = json!("2.0");
            }
            json!({"type": "AssumedRole", "principalId": format!("{}:{}", self.principal_id, self.session_name),
                "arn": self.arn(), "accountId": self.account, "accessKeyId": key, "sessionContext": context})
        } else if self.principal.ends_with(":root") {
            json!({"type": "Root", "principalId": self.account, "arn": self.principal, "accountId": self.account,
                "accessKeyId": key, "sessionContext": {"attributes":
                    {"creationDate": clock::iso(self.created), "mfaAuthenticated": "true"}}})
        } else {
            json!({"type": "IAMUser", "principalId": self.principal_id, "arn": self.principal, "accountId": self.account,
                "accessKeyId": key, "userName": self.session_name})
        };
        if let Some(service) = invoked_by {
            identity["invokedBy"] = json!(service);
        }
        if let Some((kind, arn)) = &self.scope {
            identity["inScopeOf"] = json!({"issuerType": kind, "credentialsIssuedTo": arn});
        }
        identity
    }

    pub(crate) fn caller(&self, fas: Option<(&str, &str)>, host: String) -> Caller {
        let service = fas.map(|(service, _)| service).or(self.invoked_by);
        Caller {
            identity: self.identity(fas),
            address: service.map_or_else(|| self.address.clone(), str::to_owned),
            agent: service.map_or_else(|| self.agent.clone(), str::to_owned),
            is_console: self.is_console && service.is_none(),
            host: service.is_none().then_some(host),
        }
    }
}

/// An AWS service calling for itself.
pub(crate) fn service(name: &str) -> Caller {
    Caller {
        identity: json!({"type": "AWSService", "invokedBy": name}),
        address: name.to_owned(),
        agent: name.to_owned(),
        is_console: false,
        host: None,
    }
}

/// The endpoint a client in this Region talks to.
pub(crate) fn host(source: &str, region: &str) -> String {
    match source {
        "iam" => "iam.amazonaws.com".to_owned(),
        "ecr" => format!("api.ecr.{region}.amazonaws.com"),
        "eks-auth" => format!("eks-auth.{region}.api.aws"),
        source => format!("{source}.{region}.amazonaws.com"),
    }
}

pub(crate) fn api_call(caller: &Caller, call: &Call, scene: &Scene<'_>, r: &mut Rng) -> Value {
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": caller.identity,
        "eventTime": clock::iso(scene.time),
        "eventSource": format!("{}.amazonaws.com", call.source),
        "eventName": call.name,
        "awsRegion": scene.region,
        "sourceIPAddress": caller.address,
        "userAgent": caller.agent,
    });
    if let Some((code, message)) = &call.error {
        record["errorCode"] = json!(code);
        record["errorMessage"] = json!(message);
    }
    record["requestParameters"] = call.params.clone();
    record["responseElements"] = call.response.clone();
    if !call.extra.is_null() {
        record["additionalEventData"] = call.extra.clone();
    }
    record["requestID"] = json!(r.uuid());
    record["eventID"] = json!(r.uuid());
    record["readOnly"] = json!(call.read_only);
    if !call.resources.is_null() {
        record["resources"] = call.resources.clone();
    }
    record["eventType"] = json!("AwsApiCall");
    record["managementEvent"] = json!(!call.is_data);
    record["recipientAccountId"] = json!(scene.account);
    if let Some(id) = scene.shared {
        record["sharedEventID"] = json!(id);
    }
    record["eventCategory"] = json!(if call.is_data { "Data" } else { "Management" });
    if let Some(host) = &caller.host {
        record["tlsDetails"] = json!({"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": host});
    }
    if caller.is_console {
        record["sessionCredentialFromConsole"] = json!("true");
    }
    record
}

/// Issued credentials as `responseElements` shows them: the secret key never, the session token always (here: a placeholder).
pub(crate) fn credentials(key: &str, expires: i64) -> Value {
    json!({"accessKeyId": key, "sessionToken": "EXAMPLE-SESSION-TOKEN-NOT-A-SECRET", "expiration": clock::expiration(expires)})
}
