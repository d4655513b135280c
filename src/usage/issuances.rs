//! The table of issuances: what they share is kept once.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::closed::{Bytes, write_number};
use super::event_id::{EventKey, OddIds};
use super::issuance::{ASSUMED, FILLED, IssuedRow, Issuing, N_TEXTS, cut_names};
use super::session::Sessions;
use super::text::{Numbered, Texts, Word, Words};
use super::{IssuanceFacts, IssuanceKind, Text};
use crate::ident::Time;

/// What issuances share: for one role and one caller nearly everything.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Form {
    pub(super) kind: IssuanceKind,
    pub(super) denied: bool,
    has_external_id: bool,
    named: u16,
    /// Assumed role's id and ARN (up to the session's name), recipient account, Region, role ARN, provider, subject, audience,
    /// source identity, user agent, error code, error message.
    pub(super) texts: [Word; N_TEXTS],
}

impl Form {
    /// The assumed role's id as a session shows it, in two parts; `None` when it is not told that way.
    pub(super) fn assumed_id(&self, name: Word) -> Option<(Word, Word)> {
        let head = *self.texts.first()?;
        (self.named & 1 != 0 && head != Words::NONE).then_some((head, name))
    }

    /// What is told of whose session it began.
    pub(super) fn assumed(&self) -> impl Iterator<Item = Word> {
        self.texts.iter().take(ASSUMED.len()).copied()
    }
}

/// Bytes of an issuance as written.
const WIDTH: usize = 56;

/// One issuance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Issued {
    fingerprint: u64,
    pub(super) time: Time,
    pub(super) form: u32,
    /// In the ledger's table of sessions.
    pub(super) caller: u32,
    pub(super) name: Word,
    pub(super) key: Word,
    pub(super) tags: u32,
    is_original: bool,
}

impl Issued {
    /// Decides between differing deliveries: a correction's facts come before the original's.
    fn order(&self) -> (bool, u64) {
        (self.is_original, self.fingerprint)
    }
}

/// The issuances one ledger met.
#[derive(Clone, Debug, Default)]
pub(super) struct Issuances {
    pub(super) all: ByEvent,
    forms: Numbered<Form>,
    tags: Numbered<Box<[(Word, Word)]>>,
}

/// Issuances by event, in no order that means anything.
#[derive(Clone, Debug, Default)]
pub(super) struct ByEvent {
    rows: Vec<(EventKey, Issued)>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl ByEvent {
    fn place(&self, key: &EventKey) -> Option<usize> {
        let is_same = |place: &u32| self.rows.get(*place as usize).is_some_and(|(known, _)| known == key);
        Some(*self.table.find(self.hasher.hash_one(key), is_same)? as usize)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, key: &EventKey) -> Option<&Issued> {
        self.rows.get(self.place(key)?).map(|(_, issued)| issued)
    }

    /// The one at a place below [`ByEvent::len`].
    pub(super) fn at(&self, place: u32) -> Option<&(EventKey, Issued)> {
        self.rows.get(place as usize)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(EventKey, Issued)> {
        self.rows.iter()
    }

    fn get_mut(&mut self, key: &EventKey) -> Option<&mut Issued> {
        let place = self.place(key)?;
        self.rows.get_mut(place).map(|(_, issued)| issued)
    }

    fn insert(&mut self, key: EventKey, issued: Issued) {
        let Self { rows, table, hasher } = self;
        let place = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        table.insert_unique(hasher.hash_one(key), place, |place| {
            rows.get(*place as usize).map_or(0, |(key, _)| hasher.hash_one(key))
        });
        rows.push((key, issued));
    }

    /// Gives room back when all are here.
    pub(super) fn shrink(&mut self) {
        self.rows.shrink_to_fit();
    }

    /// Lets those go that are not wanted.
    pub(super) fn retain(&mut self, wanted: impl Fn(&EventKey) -> bool) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.retain(|(key, _)| wanted(key));
        self.table.clear();
        rows.into_iter().for_each(|(key, issued)| self.insert(key, issued));
    }
}

impl Issuances {
    pub(super) fn add(
        &mut self,
        key: EventKey,
        is_original: bool,
        issuing: &Issuing<'_>,
        sessions: &mut Sessions,
        words: &mut Words,
    ) {
        let issued = Issued {
            is_original,
            fingerprint: issuing.fingerprint(),
            time: issuing.time,
            form: self.forms.number(Form {
                kind: issuing.kind,
                denied: issuing.denied,
                has_external_id: issuing.has_external_id,
                named: issuing.named,
                texts: issuing.texts.each_ref().map(|text| words.option(text.as_deref())),
            }),
            caller: sessions.intern(&issuing.caller, words),
            name: words.option(issuing.name),
            key: words.option(issuing.key),
            tags: self.tags.number(
                issuing.tags.iter().map(|(key, value)| (words.intern(key), words.intern(value))).collect(),
            ),
        };
        self.keep(key, issued);
    }

    /// An issuance as partial tables have it; `caller` is the number its caller has there.
    pub(super) fn row(&self, key: EventKey, words: &Words, caller: u32) -> Option<IssuedRow> {
        let issued = self.all.get(&key)?;
        let form = self.form_of(issued)?;
        let text = |word: Word| words.text(word).map(Text::from);
        let name = words.text(issued.name).unwrap_or_default();
        let mut texts = form.texts.map(text);
        for at in ASSUMED {
            if let Some(Some(head)) = texts.get_mut(at).filter(|_| form.named & 1 << at != 0) {
                *head = format!("{head}{name}").into();
            }
        }
        let tags = self.tags_of(issued).iter();
        Some(IssuedRow {
            event: key,
            is_original: issued.is_original,
            fingerprint: issued.fingerprint,
            time: issued.time,
            kind: form.kind,
            denied: form.denied,
            has_external_id: form.has_external_id,
            caller,
            name: text(issued.name),
            key: text(issued.key),
            texts,
            tags: tags.filter_map(|(key, value)| Some((text(*key)?, text(*value)?))).collect(),
        })
    }

    /// Takes in a row of partial tables whose caller has this number here.
    pub(super) fn put(&mut self, row: &IssuedRow, caller: u32, words: &mut Words) {
        let mut texts = row.texts.each_ref().map(Option::as_deref);
        let named = row.name.as_deref().map_or(0, |name| cut_names(&mut texts, name));
        let tags = row.tags.iter().map(|(key, value)| (words.intern(key), words.intern(value))).collect();
        let issued = Issued {
            is_original: row.is_original,
            fingerprint: row.fingerprint,
            time: row.time,
            form: self.forms.number(Form {
                kind: row.kind,
                denied: row.denied,
                has_external_id: row.has_external_id,
                named,
                texts: texts.map(|text| words.option(text)),
            }),
            caller,
            name: words.option(row.name.as_deref()),
            key: words.option(row.key.as_deref()),
            tags: self.tags.number(tags),
        };
        self.keep(row.event, issued);
    }

    fn keep(&mut self, key: EventKey, issued: Issued) {
        match self.all.get_mut(&key) {
            Some(known) if issued.order() < known.order() => *known = issued,
            Some(_) => {}
            None => self.all.insert(key, issued),
        }
    }

    /// Where the call was recorded.
    pub(super) fn account_of(&self, key: EventKey) -> Option<Word> {
        self.form_of(self.all.get(&key)?)?.texts.get(2).copied()
    }

    /// Bytes of all issuances when they are written down, but for the tags, which are few.
    pub(super) fn size(&self) -> usize {
        16 + self.all.len() * WIDTH
    }

    /// Writes the issuances down, by numbers of words and sessions; gives the forms, which are few.
    pub(super) fn write(self, into: &mut Vec<u8>) -> Vec<Form> {
        write_number(into, self.all.len());
        for (key, issued) in self.all.iter() {
            let (a, b) = key.halves();
            for word in [a, b, issued.fingerprint, issued.time.unix().cast_unsigned()] {
                into.extend_from_slice(&word.to_le_bytes());
            }
            let Issued { form, caller, name, key, tags, is_original, .. } = *issued;
            for word in [form, caller, name, key, tags, u32::from(is_original)] {
                into.extend_from_slice(&word.to_le_bytes());
            }
        }
        let tags = self.tags.into_all();
        write_number(into, tags.len());
        for tags in tags {
            write_number(into, tags.len());
            for word in tags.iter().flat_map(|(key, value)| [key, value]) {
                into.extend_from_slice(&word.to_le_bytes());
            }
        }
        self.forms.into_all()
    }

    /// Issuances that were written down, to be merged; their callers' numbers are higher now by `moved`.
    pub(super) fn read(forms: Vec<Form>, moved: u32, from: &mut Bytes<'_>) -> Option<Self> {
        let mut rows = Vec::new();
        for _ in 0..from.number()? {
            let key = EventKey::of_halves(from.long()?, from.long()?);
            let (fingerprint, time) = (from.long()?, Time::from_unix(from.long()?.cast_signed()));
            let (form, caller, name) = (from.short()?, from.short()?.saturating_add(moved), from.short()?);
            let (issued_key, tags, is_original) = (from.short()?, from.short()?, from.short()? != 0);
            let issued = Issued { fingerprint, time, form, caller, name, key: issued_key, tags, is_original };
            rows.push((key, issued));
        }
        let mut all_tags = Vec::new();
        for _ in 0..from.number()? {
            let tags = (0..from.number()?).map(|_| Some((from.short()?, from.short()?)));
            all_tags.push(tags.collect::<Option<Box<_>>>()?);
        }
        let all = ByEvent { rows, ..ByEvent::default() };
        Some(Self { all, forms: Numbered::listed(forms), tags: Numbered::listed(all_tags) })
    }

    /// Takes in another ledger's, whose words and sessions got new numbers.
    pub(super) fn merge(&mut self, other: Self, words: &[Word], sessions: &[u32]) {
        let word = |old: Word| words.get(old as usize).copied().unwrap_or(Words::NONE);
        let forms: Vec<u32> = other
            .forms
            .into_all()
            .into_iter()
            .map(|form| self.forms.number(Form { texts: form.texts.map(word), ..form }))
            .collect();
        let tags: Vec<u32> = other
            .tags
            .into_all()
            .into_iter()
            .map(|tags| {
                self.tags.number(tags.iter().map(|(key, value)| (word(*key), word(*value))).collect())
            })
            .collect();
        for (key, issued) in other.all.rows {
            let moved = |numbers: &[u32], old: u32| numbers.get(old as usize).copied().unwrap_or_default();
            let issued = Issued {
                form: moved(&forms, issued.form),
                caller: moved(sessions, issued.caller),
                name: word(issued.name),
                key: word(issued.key),
                tags: moved(&tags, issued.tags),
                ..issued
            };
            self.keep(key, issued);
        }
    }

    /// Fills what an issuance does not tell from another account's copy of the same call.
    pub(super) fn fill(&mut self, key: EventKey, copy: EventKey, words: &mut Words) {
        let (Some(mut own), Some(copy)) = (self.all.get(&key).copied(), self.all.get(&copy).copied()) else {
            return;
        };
        let (Some(mut form), Some(theirs)) = (self.form_of(&own).cloned(), self.form_of(&copy)) else {
            return;
        };
        for at in FILLED {
            let (Some(mine), Some(told)) = (form.texts.get_mut(at), theirs.texts.get(at)) else { continue };
            if *mine != Words::NONE {
                continue;
            }
            *mine = *told;
            if theirs.named & 1 << at == 0 {
                continue;
            }
            if own.name == copy.name || own.name == Words::NONE {
                form.named |= 1 << at;
            } else if let (Some(head), Some(name)) = (words.text(*told), words.text(copy.name)) {
                let whole = format!("{head}{name}");
                *mine = words.intern(&whole);
            }
        }
        form.has_external_id |= theirs.has_external_id;
        for (mine, told) in [(&mut own.name, copy.name), (&mut own.key, copy.key)] {
            if *mine == Words::NONE {
                *mine = told;
            }
        }
        if self.tags_of(&own).is_empty() {
            own.tags = copy.tags;
        }
        own.form = self.forms.number(form);
        if let Some(known) = self.all.get_mut(&key) {
            *known = own;
        }
    }

    pub(super) fn form_of(&self, issued: &Issued) -> Option<&Form> {
        self.forms.get(issued.form)
    }

    pub(super) fn tags_of(&self, issued: &Issued) -> &[(Word, Word)] {
        self.tags.get(issued.tags).map(AsRef::as_ref).unwrap_or_default()
    }

    /// The issuance as its event told it.
    pub(super) fn facts(
        &self,
        (key, issued): (EventKey, &Issued),
        (sessions, words, ids): (&Sessions, &Words, &OddIds),
        texts: &mut Texts,
    ) -> Option<IssuanceFacts> {
        let form = self.form_of(issued)?;
        let name = words.text(issued.name).unwrap_or_default();
        let whole = |at: usize| -> Option<Text> {
            let head = words.text(*form.texts.get(at)?)?;
            let is_cut = form.named & 1 << at != 0;
            Some(if is_cut { format!("{head}{name}").into() } else { head.into() })
        };
        let (assumed_role_id, assumed_arn) = (whole(0), whole(1));
        let mut shared = |word: Word| words.text(word).map(|text| texts.intern(text));
        let [_, _, account, region, role_arn, provider, subject, audience, identity, agent, code, message] =
            form.texts.map(&mut shared);
        let tags = self.tags_of(issued).iter();
        let tags = tags.filter_map(|(key, value)| Some((shared(*key)?, shared(*value)?))).collect();
        let session_name = shared(issued.name);
        Some(IssuanceFacts {
            time: issued.time,
            event_id: ids.text(key),
            kind: form.kind,
            denied: form.denied,
            caller: sessions.caller(issued.caller, words)?.to_facts(texts),
            recipient_account: account,
            region: region.unwrap_or_default(),
            issued_key: words.text(issued.key).map(Text::from),
            role_arn,
            assumed_role_id,
            assumed_arn,
            session_name,
            provider,
            subject,
            audience,
            tags,
            source_identity: identity,
            has_external_id: form.has_external_id,
            user_agent: agent,
            error: code.map(|code| (code, message.unwrap_or_default())),
            others: None,
        })
    }
}
