//! The members of a record that are told apart, and what each is to us.

/// Members by name; all others are [`Member::Other`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Member {
    Identity,
    Time,
    Source,
    Name,
    Region,
    ErrorCode,
    ErrorMessage,
    Request,
    Response,
    Id,
    ReadOnly,
    Resources,
    Type,
    Management,
    Account,
    Category,
    SharedId,
    VpcEndpoint,
    Addendum,
    UserAgent,
    Version,
    SourceAddress,
    RequestId,
    Additional,
    Tls,
    #[default]
    Other,
}

/// Number of members that have a name here.
pub(super) const N_NAMED: usize = Member::Other as usize;

/// The members and their names, in the order of their numbers.
const NAMED: [(Member, &str); N_NAMED] = [
    (Member::Identity, "userIdentity"),
    (Member::Time, "eventTime"),
    (Member::Source, "eventSource"),
    (Member::Name, "eventName"),
    (Member::Region, "awsRegion"),
    (Member::ErrorCode, "errorCode"),
    (Member::ErrorMessage, "errorMessage"),
    (Member::Request, "requestParameters"),
    (Member::Response, "responseElements"),
    (Member::Id, "eventID"),
    (Member::ReadOnly, "readOnly"),
    (Member::Resources, "resources"),
    (Member::Type, "eventType"),
    (Member::Management, "managementEvent"),
    (Member::Account, "recipientAccountId"),
    (Member::Category, "eventCategory"),
    (Member::SharedId, "sharedEventID"),
    (Member::VpcEndpoint, "vpcEndpointId"),
    (Member::Addendum, "addendum"),
    (Member::UserAgent, "userAgent"),
    (Member::Version, "eventVersion"),
    (Member::SourceAddress, "sourceIPAddress"),
    (Member::RequestId, "requestID"),
    (Member::Additional, "additionalEventData"),
    (Member::Tls, "tlsDetails"),
];

/// What a member says something of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// Who called.
    Caller,
    /// The program that called.
    Agent,
    /// What was called, and what became of it.
    Call,
    /// Differs from one delivery to the next, or is not looked at.
    Free,
}

impl Member {
    /// The member of a name without escapes.
    pub(super) fn of(key: &[u8]) -> Self {
        NAMED.iter().find(|(_, name)| name.as_bytes() == key).map_or(Self::Other, |(member, _)| *member)
    }

    /// The member that follows in most records.
    pub(super) const fn usual_next(self) -> Self {
        match self {
            Self::Version => Self::Identity,
            Self::Identity => Self::Time,
            Self::Time => Self::Source,
            Self::Source => Self::Name,
            Self::Name => Self::Region,
            Self::Region => Self::SourceAddress,
            Self::SourceAddress => Self::UserAgent,
            Self::ErrorCode => Self::ErrorMessage,
            Self::UserAgent | Self::ErrorMessage => Self::Request,
            Self::Request => Self::Response,
            Self::Additional | Self::Response => Self::RequestId,
            Self::RequestId => Self::Id,
            Self::Id => Self::ReadOnly,
            Self::ReadOnly => Self::Resources,
            Self::Resources => Self::Type,
            Self::Type => Self::Management,
            Self::Management => Self::Account,
            Self::Account | Self::SharedId | Self::VpcEndpoint => Self::Category,
            Self::Category => Self::Tls,
            Self::Addendum | Self::Tls => Self::Other,
            // Nothing came before.
            Self::Other => Self::Version,
        }
    }

    /// [`Member::usual_next`] by number.
    pub(super) fn usual_after(number: usize) -> Self {
        NAMED.get(number).map_or(Self::Other, |(member, _)| *member).usual_next()
    }

    pub(super) fn name(self) -> Option<&'static str> {
        NAMED.get(self as usize).map(|(_, name)| *name)
    }

    /// The member's quoted name, the colon, and the quote of a value that is a text; of some members.
    pub(super) fn opening(self) -> Option<&'static [u8]> {
        match self {
            Self::Time => Some(b"\"eventTime\":\""),
            Self::Source => Some(b"\"eventSource\":\""),
            Self::Name => Some(b"\"eventName\":\""),
            Self::Region => Some(b"\"awsRegion\":\""),
            Self::Id => Some(b"\"eventID\":\""),
            Self::Version => Some(b"\"eventVersion\":\""),
            Self::SourceAddress => Some(b"\"sourceIPAddress\":\""),
            Self::RequestId => Some(b"\"requestID\":\""),
            _ => None,
        }
    }

    pub(super) fn class(self) -> Class {
        match self {
            Self::Identity => Class::Caller,
            Self::UserAgent => Class::Agent,
            Self::Time
            | Self::Id
            | Self::SharedId
            | Self::Addendum
            | Self::Version
            | Self::SourceAddress
            | Self::RequestId
            | Self::Additional
            | Self::Other => Class::Free,
            // The parameters of the connection are not looked at, but stand among what is, and repeat with it.
            _ => Class::Call,
        }
    }
}

/// A part of a text that is shorter than 4 GB.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? })
    }

    pub(super) fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_where_their_numbers_say() {
        for (at, (member, name)) in NAMED.iter().enumerate() {
            assert_eq!(*member as usize, at, "{name}");
            let opening = member.opening().map(|opening| String::from_utf8_lossy(opening).into_owned());
            assert!(opening.is_none_or(|opening| opening == format!("\"{name}\":\"")), "{name}");
        }
    }
}
