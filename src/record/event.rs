//! One record.

use super::{Json, Outcome, UserIdentity, classify};
use crate::ident::Time;

/// `eventCategory`, or what older records say by `eventType` and `managementEvent`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the variants are AWS's words")]
pub enum Category {
    Management,
    Data,
    NetworkActivity,
    Insight,
    Aggregated,
}

/// The typed view of one record. Texts borrow from the object; empty texts are `None`.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// `eventID`, the key under which deliveries of one record are one event.
    pub id: &'a str,
    /// `eventTime`: when the request completed.
    pub time: Time,
    /// `eventVersion`.
    pub version: Option<&'a str>,
    /// `eventSource`, such as `s3.amazonaws.com`.
    pub source: &'a str,
    /// `eventName`; not an IAM action.
    pub name: &'a str,
    /// `awsRegion`; the object's path may name another.
    pub region: &'a str,
    /// `recipientAccountId`: the account whose trail got this copy.
    pub recipient_account: Option<&'a str>,
    /// `eventType`, as written.
    pub event_type: Option<&'a str>,
    /// See [`Category`].
    pub category: Category,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// `sharedEventID`: the same on every account's copy of one call.
    pub shared_id: Option<&'a str>,
    /// `requestID`.
    pub request_id: Option<&'a str>,
    /// `sourceIPAddress`, or the name of the calling service.
    pub source_ip: Option<&'a str>,
    /// `userAgent`.
    pub user_agent: Option<&'a str>,
    /// `vpcEndpointId`.
    pub vpc_endpoint: Option<&'a str>,
    /// `errorCode`.
    pub error_code: Option<&'a str>,
    /// `errorMessage`.
    pub error_message: Option<&'a str>,
    /// `userIdentity`.
    pub identity: UserIdentity<'a>,
    /// `requestParameters`; null when absent, and on some denials.
    pub request: Json<'a>,
    /// `responseElements`; null for most reads.
    pub response: Json<'a>,
    /// `additionalEventData`.
    pub additional: Json<'a>,
    /// `serviceEventDetails`.
    pub service_details: Json<'a>,
    /// `resources`.
    pub resources: Json<'a>,
    /// `addendum`: why a late or corrected copy was delivered.
    pub addendum: Json<'a>,
    /// `tlsDetails`.
    pub tls: Json<'a>,
}

/// Why a record cannot be used. Such records are counted as malformed and named, never dropped silently.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum RecordError {
    /// The element is no JSON object.
    #[error("the record is not an object")]
    NotAnObject,
    /// `eventTime` is missing or no time.
    #[error("the record has no readable `eventTime`")]
    NoTime,
    /// `eventSource` is missing or empty.
    #[error("the record has no `eventSource`")]
    NoSource,
    /// `eventName` is missing or empty.
    #[error("the record has no `eventName`")]
    NoName,
    /// `eventID` is missing or empty.
    #[error("the record has no `eventID`")]
    NoId,
}

impl<'a> Event<'a> {
    /// Reads one element of `Records`.
    ///
    /// `userIdentity` may be null and `type` may be missing; id, time, source and name must be there, because without them a
    /// call can neither be counted once, placed in the window, nor mapped to actions.
    pub fn parse(json: Json<'a>) -> Result<Self, RecordError> {
        Self::parse_or_name(json, "")
    }

    /// Like [`Event::parse`], with the id to give to a record that has none: event version 1.0 had no `eventID`.
    pub fn parse_or_name(json: Json<'a>, id: &'a str) -> Result<Self, RecordError> {
        if !json.is_object() {
            return Err(RecordError::NotAnObject);
        }
        let mut event = Self {
            id,
            time: Time::default(),
            version: None,
            source: "",
            name: "",
            region: "",
            recipient_account: None,
            event_type: None,
            category: Category::Management,
            read_only: None,
            shared_id: None,
            request_id: None,
            source_ip: None,
            user_agent: None,
            vpc_endpoint: None,
            error_code: None,
            error_message: None,
            identity: UserIdentity::parse(Json::NULL),
            request: Json::NULL,
            response: Json::NULL,
            additional: Json::NULL,
            service_details: Json::NULL,
            resources: Json::NULL,
            addendum: Json::NULL,
            tls: Json::NULL,
        };
        let (mut time, mut category, mut management) = (None, None, None);
        for (key, value) in json.members() {
            match key {
                "eventID" => event.id = value.text().unwrap_or(id),
                "eventTime" => time = value.text().and_then(|text| text.parse().ok()),
                "eventVersion" => event.version = value.text(),
                "eventSource" => event.source = value.as_str().unwrap_or_default(),
                "eventName" => event.name = value.as_str().unwrap_or_default(),
                "awsRegion" => event.region = value.as_str().unwrap_or_default(),
                "recipientAccountId" => event.recipient_account = value.text(),
                "eventType" => event.event_type = value.text(),
                "eventCategory" => category = value.text(),
                "managementEvent" => management = value.as_bool(),
                "readOnly" => event.read_only = value.as_bool(),
                "sharedEventID" => event.shared_id = value.text(),
                "requestID" => event.request_id = value.text(),
                "sourceIPAddress" => event.source_ip = value.text(),
                "userAgent" => event.user_agent = value.text(),
                "vpcEndpointId" => event.vpc_endpoint = value.text(),
                "errorCode" => event.error_code = value.text(),
                "errorMessage" => event.error_message = value.text(),
                "userIdentity" => event.identity = UserIdentity::parse(value),
                "requestParameters" => event.request = value,
                "responseElements" => event.response = value,
                "additionalEventData" => event.additional = value,
                "serviceEventDetails" => event.service_details = value,
                "resources" => event.resources = value,
                "addendum" => event.addendum = value,
                "tlsDetails" => event.tls = value,
                _ => {}
            }
        }
        event.category = Self::category(category, event.event_type, management);
        if event.source.is_empty() {
            return Err(RecordError::NoSource);
        }
        if event.name.is_empty() {
            return Err(RecordError::NoName);
        }
        if event.id.is_empty() {
            return Err(RecordError::NoId);
        }
        event.time = time.ok_or(RecordError::NoTime)?;
        Ok(event)
    }

    /// The category of anything that may be a record: Insight and aggregated events lack what [`Event::parse`] asks for.
    pub fn category_of(json: Json<'_>) -> Category {
        let text = |key| json.get(key).text();
        Self::category(text("eventCategory"), text("eventType"), json.get("managementEvent").as_bool())
    }

    fn category(category: Option<&str>, event_type: Option<&str>, management: Option<bool>) -> Category {
        match (category, event_type, management) {
            (Some("NetworkActivity"), ..) | (_, Some("AwsVpceEvent" | "AwsVpceEvents"), _) => {
                Category::NetworkActivity
            }
            (Some("Insight"), ..) | (_, Some("AwsCloudTrailInsight"), _) => Category::Insight,
            (Some("Aggregated"), ..) | (_, Some("AwsAggregatedEvent"), _) => Category::Aggregated,
            (Some("Data"), ..) | (None, _, Some(false)) => Category::Data,
            _ => Category::Management,
        }
    }

    /// What became of the call.
    pub fn outcome(&self) -> Outcome {
        classify(self.error_code, self.error_message)
    }

    /// Whether the record says that an API was called (service events, sign-ins and console actions are not).
    pub fn is_api_call(&self) -> bool {
        self.event_type.is_none_or(|kind| kind.eq_ignore_ascii_case("AwsApiCall"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::with_json;

    #[test]
    fn what_cannot_be_used_says_why() {
        for (text, expected) in [
            ("[]", RecordError::NotAnObject),
            ("{}", RecordError::NoSource),
            (r#"{"eventSource":"s3.amazonaws.com"}"#, RecordError::NoName),
            (r#"{"eventSource":"s3.amazonaws.com","eventName":"X"}"#, RecordError::NoId),
            (
                r#"{"eventSource":"s3.amazonaws.com","eventName":"X","eventID":"1","eventTime":"soon"}"#,
                RecordError::NoTime,
            ),
            (r#"{"eventSource":7,"eventName":"X","eventID":"1"}"#, RecordError::NoSource),
        ] {
            let found = with_json(text, |json| Event::parse(json).err()).unwrap();
            assert_eq!(found, Some(expected), "{text}");
        }
    }

    #[test]
    fn an_identity_without_type_is_an_event_all_the_same() {
        let text = r#"{"eventSource":"s3.amazonaws.com","eventName":"X","eventID":"1","eventTime":"2023-07-10T12:16:15Z",
            "userIdentity":null,"managementEvent":false}"#;
        with_json(text, |json| {
            let event = Event::parse(json).unwrap();
            assert_eq!(event.identity.kind, crate::record::IdentityType::Missing);
            assert_eq!(event.category, Category::Data);
            assert_eq!(event.outcome(), Outcome::Succeeded);
        })
        .unwrap();
    }
}
