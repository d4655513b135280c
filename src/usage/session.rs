//! Who called, as borrowed from a record, and the table of distinct callers.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use super::text::{Fingerprint, Texts, limited};
use super::{SessionFacts, Text};
use crate::ident::Time;
use crate::record::{IdentityType, UserIdentity};

/// Number of optional texts in [`SessionFacts`].
const N_TEXTS: usize = 17;

/// [`SessionFacts`] without owning any of it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct SessionView<'a> {
    kind: IdentityType,
    creation: Option<Time>,
    texts: [Option<&'a str>; N_TEXTS],
}

impl<'a> SessionView<'a> {
    /// What a record says.
    pub(super) fn of(identity: &UserIdentity<'a>) -> Self {
        let session = &identity.session;
        Self {
            kind: identity.kind,
            creation: session.creation,
            texts: [
                identity.account_id,
                identity.principal_id,
                identity.arn,
                identity.access_key_id,
                identity.user_name,
                identity.identity_provider,
                identity.invoked_by,
                identity.in_scope_of,
                identity.in_scope_of_type,
                identity.on_behalf_of,
                identity.delegate_account,
                session.issuer_type,
                session.issuer_arn,
                session.issuer_id,
                session.federated_provider,
                session.source_identity,
                session.ec2_role_delivery,
            ]
            .map(|text| text.map(limited)),
        }
    }

    /// What was kept of a record.
    pub(super) fn from_facts(facts: &'a SessionFacts) -> Self {
        let texts = [
            &facts.account,
            &facts.principal_id,
            &facts.arn,
            &facts.access_key,
            &facts.user_name,
            &facts.identity_provider,
            &facts.invoked_by,
            &facts.in_scope_of,
            &facts.in_scope_of_type,
            &facts.on_behalf_of,
            &facts.delegate_account,
            &facts.issuer_type,
            &facts.issuer_arn,
            &facts.issuer_id,
            &facts.federated_provider,
            &facts.source_identity,
            &facts.ec2_role_delivery,
        ];
        Self { kind: facts.kind, creation: facts.creation, texts: texts.map(Option::as_deref) }
    }

    /// Owned facts, sharing their texts with what was met before.
    pub(super) fn to_facts(self, texts: &mut Texts) -> SessionFacts {
        let [
            account,
            principal_id,
            arn,
            access_key,
            user_name,
            identity_provider,
            invoked_by,
            in_scope_of,
            in_scope_of_type,
            on_behalf_of,
            delegate_account,
            issuer_type,
            issuer_arn,
            issuer_id,
            federated_provider,
            source_identity,
            ec2_role_delivery,
        ] = self.texts.map(|text| text.map(|text| texts.intern(text)));
        SessionFacts {
            kind: self.kind,
            account,
            principal_id,
            arn,
            access_key,
            user_name,
            identity_provider,
            invoked_by,
            in_scope_of,
            in_scope_of_type,
            on_behalf_of,
            delegate_account,
            issuer_type,
            issuer_arn,
            issuer_id,
            creation: self.creation,
            federated_provider,
            source_identity,
            ec2_role_delivery,
        }
    }

    /// Adds all of it to a content fingerprint.
    pub(super) fn fingerprint(&self, into: &mut Fingerprint) {
        into.number(self.kind as u64);
        into.time(self.creation);
        for text in self.texts {
            into.option(text);
        }
    }
}

/// How much a copy of a call tells about its caller: the caller's own account writes ARN and key, the resource owner's
/// account only `AWSAccount` with ids.
pub(super) fn richness(facts: &SessionFacts) -> u32 {
    let by_kind = match facts.kind {
        IdentityType::AwsAccount => 0,
        IdentityType::Missing | IdentityType::Unknown | IdentityType::Other => 1,
        _ => 2,
    };
    let told: [&Option<Text>; 3] = [&facts.arn, &facts.access_key, &facts.issuer_arn];
    by_kind * 4 + u32::try_from(told.iter().filter(|text| text.is_some()).count()).unwrap_or(0)
}

/// The distinct callers one ledger met, numbered in order of appearance.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    facts: Vec<SessionFacts>,
    /// Hash and number.
    table: HashTable<(u64, u32)>,
    hasher: DefaultHashBuilder,
    /// Neighbouring records often have one caller.
    last: u32,
}

impl Sessions {
    /// The number of a caller; [`u32::MAX`] callers are out of reach of any memory.
    pub(super) fn intern(&mut self, view: SessionView<'_>, texts: &mut Texts) -> u32 {
        let Self { facts, table, hasher, last } = self;
        let is = |index: u32| facts.get(index as usize).map(SessionView::from_facts) == Some(view);
        if is(*last) {
            return *last;
        }
        let hash = hasher.hash_one(view);
        if let Some((_, index)) = table.find(hash, |known| known.0 == hash && is(known.1)) {
            *last = *index;
            return *index;
        }
        let index = u32::try_from(facts.len()).unwrap_or(u32::MAX);
        table.insert_unique(hash, (hash, index), |known| known.0);
        facts.push(view.to_facts(texts));
        *last = index;
        index
    }

    pub(super) fn facts(&self) -> &[SessionFacts] {
        &self.facts
    }
}
