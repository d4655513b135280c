//! Who called, as borrowed from a record, and the table of distinct callers.
//!
//! Sessions are many and alike: those of one role differ in their name, their key and the moment they began. The table keeps
//! what they share once, as a [`Form`], and some twenty bytes and the new texts for each session.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use super::closed::Bytes;
use super::text::{Fingerprint, Numbered, Texts, Word, Words, limited};
use super::{SessionFacts, Text};
use crate::ident::{Time, spanning};
use crate::record::{IdentityType, Json, SessionContext, UserIdentity};

/// Seconds; no temporary credentials live longer (`GetSessionToken`: 36 hours).
pub const LONGEST_SESSION: i64 = 36 * 3_600;

/// Number of optional texts of a [`Form`].
const N_TEXTS: usize = 18;
/// Places of texts that are asked for one by one.
const PRINCIPAL: usize = 0;
const ARN: usize = 1;
const ACCOUNT: usize = 2;
const INVOKED_BY: usize = 5;
const ISSUER_ARN: usize = 11;
const PROVIDER: usize = 13;

/// What the records of one caller say, with the session's name taken out of the two texts that end in it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Caller<'a> {
    pub(super) kind: IdentityType,
    /// `principalId` up to its colon when [`Caller::name`] follows it; whole otherwise.
    texts: [Option<&'a str>; N_TEXTS],
    /// Whether the ARN ended in a slash and the name too.
    named_arn: bool,
    pub(super) name: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) creation: Option<Time>,
}

impl<'a> Caller<'a> {
    /// What a record says.
    pub(super) fn of(identity: &UserIdentity<'a>) -> Self {
        let session = &identity.session;
        let (mut principal, mut arn) = (identity.principal_id.map(limited), identity.arn.map(limited));
        let name = principal.and_then(|id| id.split_once(':')).map(|(_, name)| name);
        let name = name.filter(|name| !name.is_empty());
        let mut named_arn = false;
        if let Some(name) = name {
            principal = principal.and_then(|id| id.strip_suffix(name));
            let head = arn.and_then(|arn| arn.strip_suffix(name)).filter(|head| head.ends_with('/'));
            named_arn = head.is_some();
            arn = head.or(arn);
        }
        Self {
            kind: identity.kind,
            texts: [
                principal,
                arn,
                identity.account_id.map(limited),
                identity.user_name.map(limited),
                identity.identity_provider.map(limited),
                identity.invoked_by.map(limited),
                identity.in_scope_of.map(limited),
                identity.in_scope_of_type.map(limited),
                identity.on_behalf_of.map(limited),
                identity.delegate_account.map(limited),
                session.issuer_type.map(limited),
                session.issuer_arn.map(limited),
                session.issuer_id.map(limited),
                session.federated_provider.map(limited),
                session.source_identity.map(limited),
                session.ec2_role_delivery.map(limited),
                session.federated_subject.map(limited),
                (session.assumed_root == Some(true)).then_some("true"),
            ],
            named_arn,
            name,
            key: identity.access_key_id.map(limited),
            creation: session.creation,
        }
    }

    /// The caller that [`Caller::to_facts`] told.
    pub(super) fn of_facts(facts: &'a SessionFacts) -> Self {
        // Every member by name: one that is forgotten here would be lost on the way through a store.
        let SessionFacts {
            kind,
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
            creation,
            federated_provider,
            source_identity,
            ec2_role_delivery,
            federated_subject,
            is_assumed_root,
        } = facts;
        let none = UserIdentity::parse(Json::NULL);
        Self::of(&UserIdentity {
            kind: *kind,
            principal_id: principal_id.as_deref(),
            arn: arn.as_deref(),
            account_id: account.as_deref(),
            access_key_id: access_key.as_deref(),
            user_name: user_name.as_deref(),
            identity_provider: identity_provider.as_deref(),
            invoked_by: invoked_by.as_deref(),
            in_scope_of: in_scope_of.as_deref(),
            in_scope_of_type: in_scope_of_type.as_deref(),
            on_behalf_of: on_behalf_of.as_deref(),
            delegate_account: delegate_account.as_deref(),
            session: SessionContext {
                issuer_type: issuer_type.as_deref(),
                issuer_arn: issuer_arn.as_deref(),
                issuer_id: issuer_id.as_deref(),
                creation: *creation,
                federated_provider: federated_provider.as_deref(),
                source_identity: source_identity.as_deref(),
                ec2_role_delivery: ec2_role_delivery.as_deref(),
                federated_subject: federated_subject.as_deref(),
                assumed_root: is_assumed_root.then_some(true),
                ..none.session
            },
            ..none
        })
    }

    /// What the needs of a call may rest on, of a caller that the call is not about.
    pub(super) fn relevant(&self) -> UserIdentity<'a> {
        let none = UserIdentity::parse(Json::NULL);
        UserIdentity {
            kind: self.kind,
            // Only the partition is looked at.
            arn: self.texts[ARN],
            account_id: self.texts[ACCOUNT],
            invoked_by: self.texts[INVOKED_BY],
            session: SessionContext { issuer_arn: self.texts[ISSUER_ARN], ..none.session },
            ..none
        }
    }

    /// Adds all of it to a content fingerprint.
    pub(super) fn fingerprint(&self, into: &mut Fingerprint) {
        let Self { kind, texts, named_arn, name, key, creation } = self;
        into.number(*kind as u64 * 2 + u64::from(*named_arn));
        into.time(*creation);
        texts.iter().chain([name, key]).for_each(|text| into.option(*text));
    }
}

/// What sessions share.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Form {
    pub(super) kind: IdentityType,
    texts: [Word; N_TEXTS],
    named_arn: bool,
}

impl Form {
    /// All it says, for sorting.
    pub(super) fn texts<'w>(&self, words: &'w Words) -> (IdentityType, bool, [Option<&'w str>; N_TEXTS]) {
        (self.kind, self.named_arn, self.texts.map(|word| words.text(word)))
    }

    /// `principalId`, up to the colon for sessions with a name.
    pub(super) fn principal(&self) -> Word {
        self.texts[PRINCIPAL]
    }

    pub(super) fn arn(&self) -> Word {
        self.texts[ARN]
    }

    pub(super) fn invoked_by(&self) -> Word {
        self.texts[INVOKED_BY]
    }

    /// `webIdFederationData.federatedProvider`.
    pub(super) fn provider(&self) -> Word {
        self.texts[PROVIDER]
    }

    pub(super) fn issuer_arn(&self) -> Word {
        self.texts[ISSUER_ARN]
    }
}

/// What tells a session from others of its form. There are very many: absent times are told by values that no time has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) form: u32,
    pub(super) name: Word,
    pub(super) key: Word,
    /// A call in scope is not shared with other accounts, so it is no copy.
    pub(super) has_own: bool,
    /// Earliest and latest call in scope, in seconds since the epoch; the latest before the earliest while there is none.
    span: (u32, u32),
    creation: i64,
    /// See [`Caller::fingerprint`].
    print: u64,
}

impl Session {
    const NO_SPAN: (u32, u32) = (u32::MAX, 0);
    const NO_CREATION: i64 = i64::MIN;

    /// Bytes of a session as written.
    const WIDTH: usize = 40;

    /// `creationDate`.
    pub(super) fn creation(&self) -> Option<Time> {
        (self.creation != Self::NO_CREATION).then_some(Time::from_unix(self.creation))
    }

    /// Earliest and latest call in scope, in seconds since the epoch.
    pub(super) fn span(&self) -> Option<(u32, u32)> {
        (self.span.0 <= self.span.1).then_some(self.span)
    }

    fn write(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.print.to_le_bytes());
        into.extend_from_slice(&self.creation.to_le_bytes());
        let (first, last) = self.span;
        for word in [self.form, self.name, self.key, first, last, u32::from(self.has_own)] {
            into.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn read(from: &mut Bytes<'_>) -> Option<Self> {
        let (print, creation) = (from.long()?, from.long()?.cast_signed());
        let (form, name, key) = (from.short()?, from.short()?, from.short()?);
        let span = (from.short()?, from.short()?);
        Some(Self { form, name, key, has_own: from.short()? != 0, span, creation, print })
    }
}

/// The distinct callers one ledger met, numbered in order of appearance.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    /// The number of the first; those below are no longer here.
    first: u32,
    all: Vec<Session>,
    forms: Numbered<Form>,
    /// Numbers, by all that a caller says.
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Neighbouring records often have one caller.
    last: u32,
}

impl Sessions {
    /// The number of a caller; [`u32::MAX`] callers are out of reach of any memory.
    pub(super) fn intern(&mut self, caller: &Caller<'_>, words: &mut Words) -> u32 {
        if self.is(self.last, caller, words) {
            return self.last;
        }
        let hash = self.hasher.hash_one(caller);
        let known = self.table.find(hash, |known| self.is(*known, caller, words));
        let index = match known {
            Some(index) => *index,
            None => self.insert(hash, caller, words),
        };
        self.last = index;
        index
    }

    fn insert(&mut self, hash: u64, caller: &Caller<'_>, words: &mut Words) -> u32 {
        let form = Form {
            kind: caller.kind,
            texts: caller.texts.map(|text| words.option(text)),
            named_arn: caller.named_arn,
        };
        let form = self.forms.number(form);
        let (name, key) = (words.option(caller.name), words.option(caller.key));
        let index = self.next();
        let mut table = std::mem::take(&mut self.table);
        table.insert_unique(hash, index, |known| {
            self.caller(*known, words).map_or(0, |caller| self.hasher.hash_one(caller))
        });
        self.table = table;
        let mut print = Fingerprint::new();
        caller.fingerprint(&mut print);
        self.all.push(Session {
            form,
            name,
            key,
            creation: caller.creation.map_or(Session::NO_CREATION, Time::unix),
            span: Session::NO_SPAN,
            has_own: false,
            print: print.value(),
        });
        index
    }

    fn is(&self, index: u32, caller: &Caller<'_>, words: &Words) -> bool {
        self.one(index).is_some_and(|session| {
            // What differs most often comes first.
            words.text(session.key) == caller.key
                && session.creation() == caller.creation
                && words.text(session.name) == caller.name
                && self.forms.get(session.form).is_some_and(|form| {
                    form.kind == caller.kind
                        && form.named_arn == caller.named_arn
                        && form.texts.iter().zip(caller.texts).all(|(word, text)| words.text(*word) == text)
                })
        })
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// No session, to be numbered from `first` on.
    pub(super) fn starting_at(first: u32) -> Self {
        Self { first, last: first, ..Self::default() }
    }

    /// The number of the first session.
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// The number that the next new session gets.
    pub(super) fn next(&self) -> u32 {
        u32::try_from(self.all.len()).map_or(u32::MAX, |n| self.first.saturating_add(n))
    }

    fn one(&self, index: u32) -> Option<&Session> {
        self.all.get(index.wrapping_sub(self.first) as usize)
    }

    /// Notes that a session was seen between two times.
    pub(super) fn seen(&mut self, index: u32, span: (u32, u32), has_own: bool) {
        if let Some(session) = self.all.get_mut(index.wrapping_sub(self.first) as usize) {
            session.has_own |= has_own;
            session.span = spanning(session.span, span);
        }
    }

    /// Bytes of all sessions when they are written down.
    pub(super) fn size(&self) -> usize {
        self.all.len() * Session::WIDTH
    }

    /// Writes the sessions down; gives the forms, which are few.
    pub(super) fn write(self, into: &mut Vec<u8>) -> Vec<Form> {
        self.all.iter().for_each(|session| session.write(into));
        self.forms.into_all()
    }

    /// Sessions that were written down, to be looked at by number.
    pub(super) fn read(first: u32, n: usize, forms: Vec<Form>, from: &mut Bytes<'_>) -> Option<Self> {
        let all = (0..n).map(|_| Session::read(from)).collect::<Option<_>>()?;
        Some(Self { all, forms: Numbered::listed(forms), ..Self::starting_at(first) })
    }

    /// The fingerprints of all.
    pub(super) fn prints(&self) -> impl Iterator<Item = u64> {
        self.all.iter().map(|session| session.print)
    }

    /// Gives back what only finding known callers takes: none is to be interned any more.
    pub(super) fn no_more(&mut self) {
        self.table = HashTable::new();
        self.all.shrink_to_fit();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.all.iter()
    }

    pub(super) fn form(&self, form: u32) -> Option<&Form> {
        self.forms.get(form)
    }

    /// The number of a session's form, and the fingerprint of all it says.
    pub(super) fn form_and_print(&self, index: u32) -> (u32, u64) {
        self.one(index).map_or((u32::MAX, 0), |session| (session.form, session.print))
    }

    /// A session and its form.
    pub(super) fn get(&self, index: u32) -> Option<(&Session, &Form)> {
        let session = self.one(index)?;
        Some((session, self.forms.get(session.form)?))
    }

    /// The caller as it was told.
    pub(super) fn caller<'w>(&self, index: u32, words: &'w Words) -> Option<Caller<'w>> {
        let (session, form) = self.get(index)?;
        Some(Caller {
            kind: form.kind,
            texts: form.texts.map(|word| words.text(word)),
            named_arn: form.named_arn,
            name: words.text(session.name),
            key: words.text(session.key),
            creation: session.creation(),
        })
    }

    /// How much a copy of a call tells about its caller: the caller's own account writes ARN and key, the resource owner's
    /// account only `AWSAccount` with ids.
    pub(super) fn richness(&self, index: u32) -> u32 {
        let Some((session, form)) = self.get(index) else { return 0 };
        let by_kind = match form.kind {
            IdentityType::AwsAccount => 0,
            IdentityType::Missing | IdentityType::Unknown | IdentityType::Other => 1,
            _ => 2,
        };
        let told = [form.arn(), session.key, form.issuer_arn()];
        by_kind * 4 + told.into_iter().map(|word| u32::from(word != Words::NONE)).sum::<u32>()
    }
}

impl Caller<'_> {
    /// `principalId`, as it was told.
    pub(super) fn principal_id(&self) -> Option<String> {
        Some(format!("{}{}", self.texts[PRINCIPAL]?, self.name.unwrap_or_default()))
    }

    /// `arn`, as it was told.
    pub(super) fn arn(&self) -> Option<String> {
        Some(format!("{}{}", self.texts[ARN]?, self.name.filter(|_| self.named_arn).unwrap_or_default()))
    }

    /// Owned facts, sharing their texts with what was met before.
    pub(super) fn to_facts(self, texts: &mut Texts) -> SessionFacts {
        let (principal_id, arn) = (self.principal_id(), self.arn());
        let [
            _,
            _,
            account,
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
            federated_subject,
            assumed_root,
        ] = self.texts.map(|text| text.map(|text| texts.intern(text)));
        SessionFacts {
            kind: self.kind,
            account,
            principal_id: principal_id.map(Text::from),
            arn: arn.map(Text::from),
            access_key: self.key.map(Text::from),
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
            federated_subject,
            source_identity,
            ec2_role_delivery,
            is_assumed_root: assumed_root.is_some(),
        }
    }
}

/// Whether a text can be an access key id: masked and placeholder values stand for many.
pub fn is_access_key_id(key: &str) -> bool {
    let tail = key.get(4..).unwrap_or_default();
    let first = tail.bytes().next();
    tail.len() >= 4
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && tail.bytes().any(|byte| Some(byte) != first)
        && !["REDACTED", "HIDDEN", "MASKED"].iter().any(|mask| key.to_ascii_uppercase().contains(mask))
}
