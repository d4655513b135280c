//! Digest files and hashes, gathered while the logs are read, and what they prove.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::AuditError;
use crate::aws;
use crate::ident::{Time, TimeRange, spanning};
use crate::ingest::{self, Collect, DigestFile, Fate, Issue, Outcome, Progress, Run};
use crate::integrity::{
    self, Asked, Digest, DigestError, DigestName, FileName, Found, FoundDigest, FoundFile, Metadata,
    PublicKeys, Verification,
};
use crate::record::{Event, RecordError};
use crate::store::Proof;

/// The end of the name of a side file, which holds the metadata of the digest file it is named after.
const SIDE_FILE: &str = ".metadata.json";

/// Takes digest files from all workers.
#[derive(Default)]
pub(super) struct Gatherer {
    digests: Mutex<Vec<FoundDigest>>,
    side_files: Mutex<Vec<(String, Metadata)>>,
}

impl Gatherer {
    /// One digest file, or the side file of one.
    pub(super) fn take(&self, file: DigestFile) {
        let DigestFile { object, text, metadata } = file;
        if let Some(name) = object.name.strip_suffix(SIDE_FILE) {
            if let Some(metadata) = text.ok().as_deref().and_then(Metadata::from_side_file) {
                let mut side_files = self.side_files.lock().unwrap_or_else(PoisonError::into_inner);
                side_files.push((name.to_owned(), metadata));
            }
            return;
        }
        let (hash, content) = match text {
            Ok(text) => (integrity::sha256(&text), Digest::parse(&text)),
            Err(why) => ([0; 32], Err(DigestError::Unreadable(why))),
        };
        let pairs = metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // Of an object in S3 all metadata are known, though they be none.
        let metadata = object.name.starts_with("s3://").then(|| Metadata::from_pairs(pairs));
        let digest = FoundDigest { name: object.name, hash, content, metadata };
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).push(digest);
    }

    /// Everything gathered, with the log files among the outcomes; `all_logs` takes those whose names are not CloudTrail's too.
    fn found(self, outcomes: Vec<Outcome>, all_logs: bool) -> Found {
        let mut found = Found {
            digests: self.digests.into_inner().unwrap_or_else(PoisonError::into_inner),
            files: Vec::new(),
        };
        for (name, metadata) in self.side_files.into_inner().unwrap_or_else(PoisonError::into_inner) {
            for digest in found.digests.iter_mut().filter(|digest| digest.name == name) {
                digest.metadata = Some(metadata.clone());
            }
        }
        for Outcome { object, fate, issue, sha256, .. } in outcomes {
            let why = || issue.unwrap_or("it could not be read").to_owned();
            if matches!(fate, Fate::Skipped(_)) {
                continue;
            }
            if DigestName::parse(&object.name).is_some() {
                let content = Err(DigestError::Unreadable(why()));
                found.digests.push(FoundDigest { name: object.name, hash: [0; 32], content, metadata: None });
            } else if all_logs || FileName::parse(&object.name).is_some() {
                found.files.push(FoundFile { name: object.name, hash: sha256.ok_or_else(why) });
            }
        }
        found
    }

    /// What an audit's digests prove, and which keys could not be had.
    pub(super) fn verify(
        self,
        outcomes: Vec<Outcome>,
        keys: &Keys<'_>,
        asked: Asked,
    ) -> (Verification, Vec<String>) {
        let found = self.found(outcomes, true);
        let (keys, unread) = keys.of(&found);
        let verification = integrity::verify(&found, (!keys.is_empty()).then_some(&keys), asked);
        (
            verification,
            unread.into_iter().map(|unread| format!("not read: {}: {}", unread.what, unread.error)).collect(),
        )
    }
}

/// Where CloudTrail's public keys come from.
pub(super) struct Keys<'k> {
    /// Those at hand.
    pub(super) at_hand: PublicKeys,
    /// How AWS is reached, when it is to be asked for the others.
    pub(super) live: Option<&'k aws::Settings>,
}

impl<'k> Keys<'k> {
    pub(super) fn new(at_hand: PublicKeys, live: bool, aws: &'k aws::Settings) -> Self {
        Self { at_hand, live: live.then_some(aws) }
    }

    /// With more at hand.
    pub(super) fn with(mut self, more: PublicKeys) -> Self {
        self.at_hand.merge(more);
        self
    }

    /// Whether nothing can be checked at all.
    pub(super) fn are_none(&self) -> bool {
        self.at_hand.is_empty() && self.live.is_none()
    }

    /// What is needed for these digests; AWS is asked for the Regions and the time of those whose keys are not at hand, and for nothing else.
    fn of(&self, found: &Found) -> (PublicKeys, Vec<aws::Unread>) {
        let mut keys = self.at_hand.clone();
        let Some(settings) = self.live else { return (keys, Vec::new()) };
        let mut times = KeyTimes::default();
        for one in &found.digests {
            times.add(&one.name, one.content.as_ref().ok(), one.metadata.as_ref(), &keys);
        }
        let (live, unread) = aws::public_keys(settings, &times.with_margin());
        keys.merge(live);
        let unread: BTreeSet<aws::Unread> = unread.into_values().collect();
        (keys, unread.into_iter().collect())
    }
}

/// The Regions and times of keys that are needed and not at hand.
#[derive(Default)]
struct KeyTimes(BTreeMap<String, (Time, Time)>);

impl KeyTimes {
    fn add(&mut self, name: &str, digest: Option<&Digest>, metadata: Option<&Metadata>, keys: &PublicKeys) {
        let Some(name) = DigestName::parse(name) else { return };
        if digest.is_some_and(|digest| keys.has(&digest.fingerprint)) {
            return;
        }
        // One that was made later is signed with a key of that later time.
        let made = metadata.and_then(|metadata| metadata.backfill_generated.as_deref()?.parse().ok());
        let own =
            [Some(name.end), digest.map(|digest| digest.end), digest.and_then(|digest| digest.start), made];
        for time in own.into_iter().flatten() {
            let known = self.0.entry(name.region.to_owned()).or_insert((time, time));
            *known = spanning(*known, (time, time));
        }
    }

    /// AWS's own check asks for two hours more.
    fn with_margin(self) -> BTreeMap<String, (Time, Time)> {
        const MARGIN: i64 = 2 * 3_600;
        let wider = |(from, to): (Time, Time)| (from.plus_seconds(-MARGIN), to.plus_seconds(MARGIN));
        self.0.into_iter().map(|(region, times)| (region, wider(times))).collect()
    }
}

/// Adds the keys that new digest files of a store need to those it has. Where AWS may be asked, it is asked for what is missing, now or since
/// before; what it does not tell is told, and stays wanted.
pub(super) fn keys_for(
    digests: &[DigestFile],
    proof: &mut Proof,
    live: Option<&aws::Settings>,
) -> BTreeSet<aws::Unread> {
    let mut times = KeyTimes::default();
    for file in digests.iter().filter(|file| !file.object.name.ends_with(SIDE_FILE)) {
        let digest = file.text.as_ref().ok().and_then(|text| Digest::parse(text).ok());
        let pairs = file.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        times.add(&file.object.name, digest.as_ref(), Some(&Metadata::from_pairs(pairs)), &proof.keys);
    }
    for (region, times) in times.with_margin() {
        let known = proof.keys_wanted.entry(region).or_insert(times);
        *known = spanning(*known, times);
    }
    let Some(settings) = live else { return BTreeSet::new() };
    let (keys, unread) = aws::public_keys(settings, &proof.keys_wanted);
    proof.keys.merge(keys);
    proof.keys_wanted.retain(|region, _| unread.contains_key(region));
    unread.into_values().collect()
}

/// What to verify, and how.
#[derive(Clone, Debug, Default)]
pub struct VerifySettings {
    /// Files, folders, or what [`super::audit`] takes besides.
    pub sources: Vec<String>,
    /// How sources at AWS are reached.
    pub aws: aws::Settings,
    /// From here on; none is all there is.
    pub since: Option<Time>,
    /// To here, exclusive.
    pub until: Option<Time>,
    /// CloudTrail's public keys; without any, signatures stay unchecked.
    pub keys: PublicKeys,
    /// Whether AWS is asked for keys, those of the Regions and times of the digest files found.
    pub live_keys: bool,
    /// Number of workers; 0 is one per core.
    pub threads: usize,
}

/// What a check of logs alone gives.
#[derive(Clone, Debug)]
pub struct Verified {
    /// See [`Verification`].
    pub verification: Verification,
    /// Keys that AWS was asked for and did not tell.
    pub unread_keys: Vec<aws::Unread>,
    /// Objects that could not be read, or not to the end; sorted.
    pub issues: Vec<Issue>,
    /// The run was cancelled, and what was not read looks missing.
    pub is_cancelled: bool,
}

/// Looks at no record.
struct Nobody;

impl Collect for Nobody {
    fn event(&mut self, _: &Event<'_>) {}

    fn malformed(&mut self, _: RecordError) {}

    fn skipped(&mut self, _: &'static str) {}

    fn merge(self, _: Self) -> Self {
        self
    }
}

/// Checks log files against digest files, without looking at records.
///
/// # Errors
///
/// A source that cannot be read at all, and sources that hold neither digest files nor log files.
pub fn verify_logs(
    settings: &VerifySettings,
    stdin: Option<Box<dyn Read + Send>>,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Verified, AuditError> {
    let gatherer = Gatherer::default();
    let take = |file| gatherer.take(file);
    let window = TimeRange {
        from: settings.since.unwrap_or(TimeRange::ALWAYS.from),
        to: settings.until.unwrap_or(TimeRange::ALWAYS.to),
    };
    let run = Run {
        window,
        threads: settings.threads,
        progress,
        outcomes: true,
        hashes: true,
        only_hashes: true,
        digests: Some(&take),
        ..Run::new(cancel)
    };
    let ingested = ingest::run(super::inputs(&settings.sources, stdin, &settings.aws)?, &run, || Nobody)?;
    let skipped = ingested.skipped;
    let found = gatherer.found(ingested.outcomes, false);
    if found.digests.is_empty() && found.files.is_empty() && !ingested.is_cancelled {
        let skipped = skipped.into_iter().map(|(kind, n)| (kind.to_owned(), n)).collect();
        return Err(AuditError::NoInput { sources: settings.sources.clone(), skipped });
    }
    let asked = Asked { since: settings.since, until: settings.until };
    let (keys, unread_keys) = Keys::new(settings.keys.clone(), settings.live_keys, &settings.aws).of(&found);
    Ok(Verified {
        verification: integrity::verify(&found, (!keys.is_empty()).then_some(&keys), asked),
        unread_keys,
        issues: ingested.issues,
        is_cancelled: ingested.is_cancelled,
    })
}
